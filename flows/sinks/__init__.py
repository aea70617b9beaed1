"""Where rows go: QuestDB, Parquet files, or a count. Items are `(group, frame)` with a group of `flows.sinks.tables.GROUPS`."""
