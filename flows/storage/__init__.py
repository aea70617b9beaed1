"""QuestDB: what the tables are, how to start a server, how to write and read."""
