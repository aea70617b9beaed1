"""The QuestDB server's jar: found or fetched, and always checked against its pinned SHA-256."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from flows.errors import StorageError
from flows.process.lock import FileLock, LockTakenError

VERSION = "9.3.4"
SHA256 = "939bc53ab22f93dbaa6545143a6e7c536d4904c07b7f2d381e8eef10436be062"
_NAME = f"questdb-{VERSION}.jar"
_FETCH_PATIENCE_S = 600.0


def questdb_jar(say: Callable[[str], None]) -> Path:
    """The jar: QUESTDB_JAR, else our cache, else the local Maven repository, else fetched into our cache.

    Raises:
        StorageError: QUESTDB_JAR is not the pinned file, or the jar cannot be fetched.
    """
    if given := os.environ.get("QUESTDB_JAR"):
        return _checked(Path(given), "QUESTDB_JAR")
    cached = cache_dir() / _NAME
    maven = Path(os.environ.get("M2_REPO") or Path.home() / ".m2" / "repository")
    local = maven / "org" / "questdb" / "questdb" / VERSION / _NAME
    for candidate in (cached, local):
        if candidate.is_file() and _sha256(candidate) == SHA256:
            return candidate
    try:
        lock = FileLock(cached.with_suffix(".lock"), _FETCH_PATIENCE_S)
    except LockTakenError as error:
        raise StorageError(
            f"{error.holder} has been fetching QuestDB for {_FETCH_PATIENCE_S:.0f} s: {cached}"
        ) from error
    try:
        if not (cached.is_file() and _sha256(cached) == SHA256):
            _fetch(cached, say)
    finally:
        lock.close()
    return cached


def cache_dir() -> Path:
    """Where downloads are kept between runs: XDG_CACHE_HOME, by default ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pairdesk"


def _fetch(target: Path, say: Callable[[str], None]) -> None:
    """Get the jar from Maven Central into a folder that goes away again; only a jar with the pinned sum gets to `target`."""
    import requests
    from jgo.maven import MavenContext
    from jgo.maven._resolver import PythonResolver

    say(f"fetching QuestDB {VERSION} from Maven Central (once)")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="fetch-") as folder:
        resolver = PythonResolver(progress_callback=lambda name, size: _progress(size, say))
        context = MavenContext(resolver=resolver, repo_cache=Path(folder), timeout=20)
        artifact = context.project("org.questdb", "questdb").at_version(VERSION).artifact()
        try:
            fetched = Path(artifact.resolve())
        except (requests.RequestException, RuntimeError, OSError) as error:
            raise StorageError(
                f"QuestDB {VERSION} is not here yet and Maven Central cannot be reached ({type(error).__name__}): connect to the "
                f"network for the first start, or put {_NAME} somewhere and set QUESTDB_JAR to its path"
            ) from error
        _checked(fetched, "the file from Maven Central").replace(target)
    say(f"QuestDB {VERSION} is in {target.parent}")


@contextmanager
def _progress(size: int, say: Callable[[str], None]) -> Generator[Callable[[int], None]]:
    done, next_percent = 0, 25

    def update(count: int) -> None:
        nonlocal done, next_percent
        done += count
        while done * 100 >= next_percent * size:
            say(f"  {next_percent:3d} % of {size / 1e6:.0f} MB")
            next_percent += 25

    yield update


def _checked(path: Path, what: str) -> Path:
    try:
        found = _sha256(path)
    except OSError as error:
        raise StorageError(f"{what}: {path}: {error.strerror}") from error
    if found != SHA256:
        raise StorageError(f"{what}: {path} is not QuestDB {VERSION}: wanted SHA-256 {SHA256}, found {found}")
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
