"""What a fleet needs of other people's packages, which nobody else has to install."""

from __future__ import annotations

from importlib.util import find_spec

from imgtools.errors import FleetLibraryMissing

# Packages of the extra ``fleet`` in pyproject.toml, by the names that one imports.
DATABASE = ("sqlalchemy", "alembic")
CLUSTER = ("distributed", "cryptography")
PARQUET = ("pyarrow",)
PROMETHEUS = ("prometheus_client",)
POSTGRESQL = ("psycopg",)
DASHBOARD = ("bokeh",)  # of the extra ``dashboard``


def require(*names: str, extra: str = "fleet") -> None:
    """Make sure that packages are there before anything is begun.

    :param extra: which of imgtools brings them.
    :raises FleetLibraryMissing: one is not.
    """
    if missing := [name for name in names if find_spec(name) is None]:
        raise FleetLibraryMissing(
            f"a fleet needs {', '.join(missing)}, which is not installed",
            hint=f"pip install 'imgtools[{extra}]'",
        )
