"""The page: reads QuestDB, shows it in the browser. `dashboard/app.py` is served, `workspace.py` wires one session."""
