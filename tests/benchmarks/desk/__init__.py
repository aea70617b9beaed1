"""What the page costs, in Chromium on a real QuestDB, and beside it the same charts the way they are made today."""

from tests.benchmarks.desk.anchor import anchor
from tests.benchmarks.desk.many import pages
from tests.benchmarks.desk.one import page
from tests.benchmarks.desk.pairs import pairs

__all__ = ["anchor", "page", "pages", "pairs"]
