"""Recorded trades of two symbols through the flow itself into a real QuestDB, with windows short enough for eight minutes of them."""

from pathlib import Path

from recordings import USDM_2024

from flows.replay import replay
from flows.settings import Settings, load
from flows.storage.client import connect
from flows.storage.schema import DATASETS, dataset_tables, table_name
from flows.storage.server import ManagedServer

_CONFIG = """
[market]
intervals = ["1s", "1m"]
[tests]
window_1s = 40
cadence_1s = 15
[ticks]
window = 30
look_every_s = 10
[models.ols]
window = 30
z_window = 20
correlation_window = 15
[models.slow]
window = 90
z_window = 60
correlation_window = 60
"""


def short_replay(questdb: ManagedServer, shared_data: Path, folder: Path, dataset: str, settings: str = _CONFIG) -> str:
    """The name of the dataset, all of whose rows SQL sees.

    Args:
        folder: where the settings file may lie. settings: TOML.
    """
    config = folder / f"{dataset}.toml"
    config.write_text(settings)
    replayed(questdb, shared_data, config, dataset)
    return dataset


def replayed(questdb: ManagedServer, shared_data: Path, config: Path, dataset: str) -> Settings:
    """The settings of a file, with which the recorded trades have gone into the dataset; SQL sees all of its rows."""
    address = questdb.address
    ports = {"PAIRS_STORAGE__HTTP_PORT": str(address.http_port), "PAIRS_STORAGE__PG_PORT": str(address.pg_port)}
    read = load(config, ports)
    replay([shared_data / USDM_2024], read, None, dataset)
    with connect(address) as connection:
        for table in (
            DATASETS.name,
            *(table_name(each.name, dataset) for each in dataset_tables(read.market.intervals)),
        ):
            connection.execute(f"SELECT wait_wal_table('{table}')")
    return read
