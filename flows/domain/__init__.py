"""The words of the field as types: instruments, pairs, intervals, and the frames that flow between the stages."""
