"""Matching as settings.yaml has it: rules, what counts as one value, scores; and what ships."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Matching(_Model):
    """What keys take for one and the same value, in all objects."""

    email_aliases: bool = Field(
        True,
        description="Leave out `+tag` where the provider delivers it to the same mailbox, and the "
        "dots of Gmail addresses.",
    )
    free_mail: tuple[str, ...] = Field(
        (), description="Further domains where anybody can have an address; many are known."
    )
    shared_mailboxes: tuple[str, ...] = Field(
        (), description="Further names before the @ that belong to no single person, as info does."
    )


class Near(_Model):
    """How far apart two values may be for a rule to hold; a missing value never objects."""

    field: str = Field(description="The field compared.")
    days: float | None = Field(None, ge=0, description="Most days between two dates or instants.")
    share: float | None = Field(None, ge=0, description="Largest relative difference of numbers.")
    similar: float | None = Field(
        None, ge=0, le=1, description="Least likeness of two spellings, 1 being equal."
    )
    needed: bool = Field(False, description="A missing value objects too.")


class RuleSettings(_Model):
    """One matching rule: records with the same value for all of `keys` are one entity."""

    keys: tuple[str, ...] = Field(
        min_length=1, description="Fields or derived keys that must agree."
    )
    near: tuple[Near, ...] = Field((), description="Further fields that must be close.")
    asks: bool = Field(
        False, description="Ask a person (`concord review`) instead of linking by itself."
    )

    @property
    def name(self) -> str:
        """How links and reports call the rule."""
        return "+".join(self.keys)


class Score(_Model):
    """Scores for records that no rule linked."""

    review: float = Field(
        0.9,
        ge=0.5,
        lt=1,
        description="Least probability with which a pair goes to `concord review`.",
    )
    link: float | None = Field(
        None,
        ge=0.9999,
        lt=1,
        description="Least probability with which a pair is linked by itself, if nothing else it "
        "could be comes near; none is if left out.",
    )
    model: str = Field(
        "",
        description="File with trained numbers, as `concord train` writes it; the shipped ones if "
        "left out.",
    )


def _rule(keys: str, *near: Near) -> RuleSettings:
    return RuleSettings(keys=tuple(keys.split("+")), near=near)


def _alike(field: str, least: float, needed: bool = False) -> Near:
    return Near(field=field, similar=least, needed=needed)


#: Guarded exact rules on normalised keys, strongest first. `python -m tests.bench quality`
#: measures them: no false link on the demo's accounts, on FEBRL 3 and on FEBRL 4.
#:
#: A phone or a shared mailbox with a last name alone would join a family that works together,
#: and a deal's name with its amount the renewals of two customers: hence the bounds.
DEFAULT_MATCH: Mapping[str, tuple[RuleSettings, ...]] = {
    "user": (_rule("email"),),
    "company": (
        _rule("domain"),
        _rule("name+country"),
        _rule("name+city"),
        _rule("name+phone"),
    ),
    "contact": (
        _rule("email"),
        _rule("any_phone+last_name", _alike("first_name", 0.5)),
        _rule("full_name+company"),
        _rule("full_name+email_domain"),
        _rule("any_phone+full_name"),
        _rule("any_phone+first_name", _alike("last_name", 0.65)),
        _rule("email_domain+last_name", _alike("first_name", 0.8)),
        _rule("role_email+last_name+first_initial"),
        _rule("full_name+birth_date"),
        _rule("first_name+birth_date", _alike("last_name", 0.8, needed=True)),
        _rule("last_name+birth_date", _alike("first_name", 0.8, needed=True)),
        _rule("first_name+birth_date+postal_code", _alike("last_name", 0.65)),
        _rule("last_name+birth_date+postal_code", _alike("first_name", 0.65)),
        _rule(
            "birth_date+postal_code",
            _alike("first_name", 0.65, needed=True),
            _alike("last_name", 0.65, needed=True),
        ),
        _rule(
            "birth_date+street",
            _alike("first_name", 0.65, needed=True),
            _alike("last_name", 0.65, needed=True),
        ),
        _rule("full_name+street+postal_code"),
        _rule("full_name+street+city"),
    ),
    "deal": (
        _rule("name+company", Near(field="close_date", days=45), Near(field="amount", share=0.2)),
        _rule("name+amount", _alike("company", 1), Near(field="close_date", days=45)),
    ),
    "ticket": (
        _rule("subject+contacts", Near(field="created_at", days=3)),
        _rule("subject+company", Near(field="created_at", days=3)),
    ),
}
