"""The SQL views that reporting consumers read: `companies`, `contacts`, `deals`, `tickets`.

Columns: `id`, every field of the common schema by its name (references as entity ids, with
`<field>_name` beside them; sets as comma-joined text), `sources` (the connections that hold
the record, comma-joined, sorted), `updated_at`. Entities that were archived or merged into
another do not appear.
"""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from mapping.schema import OBJECTS, Kind, ObjectSchema
from sync.store import tables

#: Objects that have a view.
PUBLISHED: tuple[str, ...] = ("company", "contact", "deal", "ticket")


def create_views(connection: Connection) -> None:
    """Drop and create the views, so that they always fit the tables."""
    for name in PUBLISHED:
        schema = OBJECTS[name]
        connection.execute(sa.text(f"DROP VIEW IF EXISTS {schema.plural}"))
        connection.execute(sa.text(view_sql(schema, connection.dialect.name)))
    connection.execute(sa.delete(tables.made).where(tables.made.c.name == "views"))
    connection.execute(
        sa.insert(tables.made).values(name="views", digest=_digest(connection.dialect.name))
    )


def views_are_current(connection: Connection) -> bool:
    """Whether the views are those that `create_views` would make. The table must exist."""
    query = sa.select(tables.made.c.digest).where(tables.made.c.name == "views")
    return connection.execute(query).scalar() == _digest(connection.dialect.name)


def _digest(dialect: str) -> str:
    text = "".join(view_sql(OBJECTS[name], dialect) for name in PUBLISHED)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def view_sql(schema: ObjectSchema, dialect: str) -> str:
    """The CREATE VIEW statement. Names come from the schema, never from a user."""
    columns = ["e.entity_id AS id"]
    joins = []
    for field in schema.fields.values():
        column = f'e."{field.name}"'
        if field.kind in (Kind.CHOICES, Kind.REFERENCES):
            columns.append(f'{_joined(column, dialect)} AS "{field.name}"')
            continue
        columns.append(f'{column} AS "{field.name}"')
        if field.kind is Kind.REFERENCE:
            title = OBJECTS[field.target].title
            joins.append(
                f"LEFT JOIN entity_{field.target} r_{field.name}"
                f" ON r_{field.name}.entity_id = {column}"
            )
            columns.append(f'r_{field.name}."{title}" AS "{field.name}_name"')
    columns.append(f"{_sources(schema.name, dialect)} AS sources")
    columns.append("e.updated_at AS updated_at")
    return (
        f"CREATE VIEW {schema.plural} AS SELECT {', '.join(columns)}"
        f" FROM entity_{schema.name} e {' '.join(joins)}"
        " WHERE NOT e.archived AND e.merged_into = ''"
    )


def _joined(column: str, dialect: str) -> str:
    if dialect == "postgresql":
        return (
            f"(SELECT string_agg(v, ',' ORDER BY v)"
            f" FROM json_array_elements_text({column}::json) AS j(v))"
        )
    return f"(SELECT group_concat(value, ',') FROM json_each({column}))"


def _sources(object: str, dialect: str) -> str:
    inner = (
        "SELECT DISTINCT connection FROM link"
        f" WHERE object = '{object}' AND entity = e.entity_id ORDER BY connection"
    )
    joined = "string_agg" if dialect == "postgresql" else "group_concat"
    return f"(SELECT {joined}(connection, ',') FROM ({inner}) AS s)"
