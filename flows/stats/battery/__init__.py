"""The tests of a pair: does its spread revert, for how long has it, and what may be said of that?

One file per test, each a pure function of one window of bars with a frozen result that carries its null and the reason where nothing can
be said. `pair_tests.battery` runs all of them, `looks` gathers a day of them, and `verdict` makes the sentence. All kernels are our own:
sums in the order of the bars, so the bits depend neither on a library's threads nor on its version. Nothing is said by an exception, and
nothing unknown is 0.
"""
