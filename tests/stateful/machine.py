"""People edit three accounts at random while the hub reconciles them, fails and dies."""

from __future__ import annotations

import functools
import logging
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from connectors.base import Value
from mapping import values
from mapping.schema import OBJECTS, Kind, Policy
from sync.engine.decide import identity
from sync.engine.decide.identity import Refused
from sync.engine.report import Report
from sync.model import Place
from sync.store.database import Session, session
from sync.store.decisions import Verdict
from tests.stateful.accounts import FAULTS, NAMES, Climate, plain
from tests.stateful.laws import Laws, Writes, carried_out, outside, promised, withheld
from tests.stateful.ledger import Ledger
from tests.stateful.observed import VARIANTS, Observed

#: (account, object, record id)
Record = tuple[str, str, str]

#: Rules run, by name, and what came of them, over all examples of this process.
STATISTICS: Counter[str] = Counter()

PEOPLE = ("Ann", "Bob", "สมชาย", "مریم")
FIRMS = ("Siam Cement", "Ab  Initio", "شرکت آبی")
TEXTS = ("Boss", "boss", "Chief 👩‍🚀", "ผู้จัดการ", "مدیر", "e\u0301t\u00e9")

#: What people type, by object and field.
CHANGES: dict[str, list[tuple[str, Value]]] = {
    "contact": [
        *(("job_title", text) for text in TEXTS),
        *(("first_name", text) for text in TEXTS[1:4]),
        *(("city", text) for text in ("Bangkok", "กรุงเทพ", "Tehran")),
        *(("street", text) for text in ("1 Rama IV", "۱۲ خیابان")),
        ("mobile", "+66812345678"),
        ("mobile", "+989121234567"),
        ("birth_date", "2000-02-29"),
        ("birth_date", "1970-01-01"),
        ("interests", ("analytics",)),
        ("interests", ("analytics", "events")),
        ("interests", ("events", "pricing")),
        ("email_opt_out", True),
        ("email_opt_out", False),
        ("email", "new.address@firm.example"),
    ],
    "company": [
        *(("name", text) for text in FIRMS),
        *(("city", text) for text in ("Bangkok", "Tehran")),
        ("employees", 12),
        ("employees", 0),
        ("description", "short"),
        ("description", "a longer description 🙂"),
        ("domain", "firm.example"),
        ("domain", "other.example"),
    ],
    "deal": [
        ("name", "Renewal"),
        ("name", "Renewal 2"),
        ("stage", "won"),
        ("stage", "proposal"),
        ("close_date", "2026-12-31"),
        ("close_date", "2027-01-01"),
        ("description", "x"),
        ("description", "xx"),
    ],
}

#: Amounts with their currency, which people change together.
AMOUNTS = ("0.01", "9999999999.99", "1500", "0.10")

#: Which record, counted from the last one made.
PICK = st.integers(0, 9)

#: (which record, which change, seconds before it); runs are seldom without any before them.
Edits = list[tuple[int, int, int]]
EDITS = st.lists(st.tuples(PICK, st.integers(0, 23), st.integers(0, 2)), max_size=3)

POLICIES = (Policy.NEWEST, Policy.PRIORITY, Policy.LONGEST, Policy.MANUAL)


def climates() -> st.SearchStrategy[Climate]:
    """Mostly calm ones: each difference in a share of the examples."""

    def seldom(value: Any, others: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.one_of(st.just(value), st.just(value), others)

    skews = st.tuples(*(st.sampled_from((0, -90, -2, 1, 300)) for _ in NAMES))
    return st.builds(
        Climate,
        objects=seldom(("contact",), st.just(("company", "contact", "deal"))),
        skew=seldom((0, 0, 0), skews),
        read_only=seldom(
            frozenset(), st.sampled_from((frozenset({"job_title"}), frozenset({"city"})))
        ),
        lag=seldom(0, st.just(2)),
        deletes=seldom("unlink", st.sampled_from(("archive", "ignore"))),
        limits=seldom(None, st.sampled_from(((2, 2, 1), (0, 3, 0)))),
        per_day=seldom(None, st.sampled_from((60, 30))),
    )


def counted(work: Callable[..., Any]) -> Callable[..., Any]:
    """Count how often a rule is run."""

    @functools.wraps(work)
    def call(self: Any, *args: Any, **arguments: Any) -> Any:
        STATISTICS[work.__name__] += 1
        return work(self, *args, **arguments)

    return call


class Hub(RuleBasedStateMachine):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.world: Observed | None = None
        self.words: dict[tuple[str, frozenset[Place]], str] = {}
        self.resolved: dict[tuple[str, str, str], Any] = {}
        self.records: list[Record] = []
        self.plans: list[list[dict[str, Any]]] = []
        self.number = 0

    def teardown(self) -> None:
        """Every example ends settled, and is held against the laws."""
        try:
            if self.world is not None and sys.exc_info()[0] is None:
                self.laws_hold(full=False)
                STATISTICS["examples"] += 1
        finally:
            self.close()

    def close(self) -> None:
        """Give everything back."""
        if self.world is not None:
            self.world.close()
            logging.getLogger().removeHandler(self.laws.ear)

    @initialize(
        climate=climates(),
        first=st.lists(
            st.tuples(st.sampled_from(NAMES), st.sampled_from(PEOPLE)), min_size=1, max_size=4
        ),
    )
    def start(self, climate: Climate, first: list[tuple[str, str]]) -> None:
        """A hub that has seen some people."""
        self.world = Observed(climate)
        self.ledger = Ledger(self.world)
        self.laws = Laws(self.world, self.ledger)
        logging.getLogger().addHandler(self.laws.ear)
        for account, who in first:
            self._create(account, who)
        self.world.sync()

    def meet(self) -> None:
        """People work with the records that the hub made as with their own."""
        known = set(self.records)
        self.records += [
            (account, object, id)
            for account in NAMES
            for object in self.world.objects
            for id in self.world.accounts[account].rows[object]
            if (account, object, id) not in known
        ]

    def one(self, pick: int, *, gone: bool = False) -> Record | None:
        """One of the records that are there (or are not), the last ones first."""
        self.meet()
        found = [record for record in reversed(self.records) if self.live(record) is not gone]
        return found[pick % len(found)] if found else None

    def two(self, pick: int, other: int, *, same_account: bool) -> tuple[Record, Record] | None:
        """Two records of one object, of one account or of two."""
        one = self.one(pick)
        if one is None:
            return None
        found = [
            record
            for record in reversed(self.records)
            if self.live(record)
            and record[1] == one[1]
            and record != one
            and (record[0] == one[0]) is same_account
        ]
        return (one, found[other % len(found)]) if found else None

    # -- what people do in the accounts ---------------------------------------------------

    def live(self, record: Record) -> bool:
        """Whether nobody has deleted it."""
        account, object, id = record
        return id in self.world.accounts[account].live(object)

    def edited(self, record: Record, changes: dict[str, Value]) -> None:
        """A person edits a record."""
        account, object, id = record
        unique = self.world.accounts[account].quirks.unique
        for name in changes.keys() & unique:
            rows = self.world.accounts[account].live(object)
            if any(row.values.get(name) == changes[name] for row in rows.values()):
                return  # the account would not take it
        STATISTICS["records edited"] += 1
        self.resolved = {
            place: value
            for place, value in self.resolved.items()
            if place[0] != object or place[2] not in changes
        }
        self.laws.secrets |= {
            v for v in changes.values() if isinstance(v, str) and len(v) > 4 and not v.isascii()
        }
        self.ledger.person(account, object, id, changes)

    @rule(account=st.sampled_from(NAMES), who=st.sampled_from(PEOPLE))
    @counted
    def create_contact(self, account: str, who: str) -> None:
        """A new person; some share their address with another."""
        self._create(account, who)

    def _create(self, account: str, who: str) -> None:
        self.world.pass_time(1)
        self.number += 1
        address = f"Person{self.number % 4}.{who if who.isascii() else 'x'}@Firm.example"
        rows = self.world.accounts[account].live("contact").values()
        unique = "email" in self.world.accounts[account].quirks.unique
        taken = {str(row.values.get("email")).lower() for row in rows}
        values: dict[str, Value] = {"last_name": who, "first_name": "X"}
        if not (unique and address.lower() in taken):
            values["email"] = address
            self.laws.secrets |= {address, address.lower()}
        id = self.world.accounts[account].create("contact", values)
        self.records.append((account, "contact", id))

    @rule(
        account=st.sampled_from(NAMES),
        name=st.sampled_from(FIRMS),
        deal=st.booleans(),
    )
    @counted
    def create_other(self, account: str, name: str, deal: bool) -> None:
        """A new company or deal, where the hub synchronises those."""
        if "deal" not in self.world.objects:
            return
        self.world.pass_time(1)
        held = self.world.accounts[account]
        if not deal:
            id = held.create("company", {"name": name, "city": "Bangkok"})
            self.records.append((account, "company", id))
            return
        values: dict[str, Value] = {"name": name, "stage": "proposal"}
        values["contacts"] = tuple(sorted(held.live("contact"))[:2]) or None
        values["company"] = min(held.live("company"), default=None)
        self.records.append((account, "deal", held.create("deal", values)))

    @rule(edits=EDITS)
    @counted
    def edit(self, edits: Edits) -> None:
        """Some fields get other values, one after the other."""
        self.type(edits)

    def type(self, edits: Edits) -> None:
        """Carry out some edits."""
        for pick, change, seconds in edits:
            record = self.one(pick)
            if record is not None:
                self.world.pass_time(seconds)
                changes = CHANGES[record[1]]
                name, value = changes[change % len(changes)]
                self.edited(record, {name: value})

    @rule(pick=PICK, amount=st.sampled_from(AMOUNTS), euro=st.booleans())
    @counted
    def edit_amount(self, pick: int, amount: str, euro: bool) -> None:
        """Money, exactly."""
        deals = [r for r in reversed(self.records) if r[1] == "deal" and self.live(r)]
        if deals:
            changes: dict[str, Value] = {"amount": amount, "currency": "EUR" if euro else "USD"}
            self.edited(deals[pick % len(deals)], changes)

    @rule(pick=PICK, field=st.integers(0, 7))
    @counted
    def clear(self, pick: int, field: int) -> None:
        """A field is emptied."""
        record = self.one(pick)
        if record is None:
            return
        account, object, id = record
        keep = {"last_name", "concord_id", "name", "currency", "amount", "stage"}
        row = self.world.accounts[account].rows[object][id].values
        filled = sorted(n for n, value in row.items() if value is not None and n not in keep)
        if filled:
            self.edited(record, {filled[field % len(filled)]: None})

    @rule(which=PICK, pick=st.integers(0, 7))
    @counted
    def refer(self, which: int, pick: int) -> None:
        """A reference is set, moved or taken away."""
        record = self.one(which)
        if record is None or record[1] == "company" or "deal" not in self.world.objects:
            return
        account, object, _ = record
        held = self.world.accounts[account]
        if object == "deal" and pick % 2:
            people = sorted(held.live("contact"))
            chosen = people[pick % 3 :][: pick // 2]
            self.edited(record, {"contacts": tuple(sorted(chosen)) or None})
            return
        firms = [None, *sorted(held.live("company"))]
        self.edited(record, {"company": firms[pick % len(firms)]})

    @rule(pick=PICK)
    @counted
    def delete(self, pick: int) -> None:
        """A record is deleted."""
        record = self.one(pick)
        if record is not None:
            account, object, id = record
            self.ledger.remove(account, object, id)
            self.forget({Place(account, id)}, only="same")

    @rule(pick=PICK)
    @counted
    def restore(self, pick: int) -> None:
        """A deleted record comes back."""
        record = self.one(pick, gone=True)
        if record is None:
            return
        account, object, id = record
        row = self.world.accounts[account].rows[object][id]
        if row.deleted and not row.merged_into:
            address = row.values.get("email")
            others = self.world.accounts[account].live(object).values()
            unique = "email" in self.world.accounts[account].quirks.unique
            if unique and address and address in {o.values.get("email") for o in others}:
                return  # the account would not take it
            key = row.values.get("concord_id")
            if key and key in {o.values.get("concord_id") for o in others}:
                return  # nor two records of one external id
            self.world.accounts[account].restore(object, id)

    @rule(pick=PICK, other=PICK)
    @counted
    def merge(self, pick: int, other: int) -> None:
        """Two records of an account become one."""
        found = self.two(pick, other, same_account=True)
        if found is None:
            return
        one, two = found
        account, object = one[:2]
        self.forget({Place(account, one[2]), Place(account, two[2])})
        self.forget(None, only="same")  # what is merged in a CRM can part others
        self.ledger.forget(account, object, one[2], two[2])
        self.resolved.clear()
        survivor = account, object, self.world.accounts[account].merge(object, one[2], two[2])
        if survivor not in self.records:
            self.records.append(survivor)

    # -- what people say of identity -----------------------------------------------------

    def forget(self, places: set[Place] | None, only: str = "") -> None:
        """Expect no more what was said about these records, or about any."""
        self.words = {
            pair: word
            for pair, word in self.words.items()
            if (only and word != only) or (places is not None and not pair[1] & places)
        }

    def said(self, work: Callable[[Session], object]) -> bool:
        """Decide something between two runs; whether it was not refused."""
        self.world.pass_time(1)
        with session(self.world.engine) as store:
            try:
                work(store)
            except Refused:
                return False
            store.commit()
        self.resolved.clear()
        return True

    def homes(self, object: str) -> dict[Place, str]:
        """record -> entity."""
        return {
            Place(*place): entity
            for entity, records in self.world.links(object).items()
            for place in records.items()
        }

    @rule(pick=PICK, other=PICK)
    @counted
    def same(self, pick: int, other: int) -> None:
        """A person says that two records are one thing."""
        found = self.two(pick, other, same_account=False)
        if found is None:
            return
        one, two = found
        object = one[1]
        word = Verdict(Place(one[0], one[2]), Place(two[0], two[2]), "same", "ann", self.world.time)
        if self.said(lambda store: identity.unite(store, object, word)):
            homes = self.homes(object)
            self.words = {  # the last word holds
                (of, pair): said
                for (of, pair), said in self.words.items()
                if of != object
                or said == "same"
                or len({homes.get(place, place) for place in pair}) == 2
            }
            self.words[object, frozenset({word.one, word.two})] = "same"

    @rule(pick=PICK, other=PICK)
    @counted
    def keep_apart(self, pick: int, other: int) -> None:
        """A person says that two records are two things."""
        found = self.two(pick, other, same_account=False)
        if found is None:
            return
        one, two = found
        object = one[1]
        word = Verdict(
            Place(one[0], one[2]), Place(two[0], two[2]), "apart", "ann", self.world.time
        )
        if self.said(lambda store: identity.keep_apart(store, object, word)):
            self.words[object, frozenset({word.one, word.two})] = "apart"
            self.ledger.loosened |= {one, two}

    @rule(pick=PICK)
    @counted
    def split(self, pick: int) -> None:
        """A person takes a record out of its entity."""
        record = self.one(pick)
        if record is None:
            return
        account, object, id = record
        place, before = Place(account, id), self.homes(object)
        at = self.world.time
        if self.said(lambda store: identity.split(store, object, place, "ann", at, "")):
            for fellow, entity in before.items():
                if entity == before[place] and fellow != place:
                    self.words[object, frozenset({place, fellow})] = "apart"
                    self.ledger.loosened |= {record, (fellow.connection, object, fellow.record)}

    def check_words(self) -> int:
        """What people said of two records that are still there holds; how many pairs."""
        for (object, pair), word in self.words.items():
            one, two = sorted(pair)
            if not (self.live((one[0], object, one[1])) and self.live((two[0], object, two[1]))):
                continue
            homes, links = self.homes(object), self.world.links(object)
            together = homes[one] == homes[two]
            if word == "apart":
                assert not together, f"kept apart, but one: {one} and {two}"
            elif not links[homes[one]].keys() & links[homes[two]].keys():
                assert together, f"the same, but two: {one} and {two}"
        return len(self.words)

    # -- what people do in the hub ----------------------------------------------------------

    @rule(connection=st.sampled_from(NAMES), variant=st.sampled_from(VARIANTS))
    @counted
    def change_mapping(self, connection: str, variant: str) -> None:
        """One connection's mapping of contacts changes."""
        self.world.variants[connection] = variant

    @rule(
        field=st.sampled_from(("job_title", "first_name", "street", "mobile")),
        policy=st.sampled_from(POLICIES),
    )
    @counted
    def change_policy(self, field: str, policy: Policy) -> None:
        """Somebody else decides about a field."""
        self.world.set_policy("contact", field, policy)

    @rule(pick=st.integers(0, 5))
    @counted
    def resolve(self, pick: int) -> None:
        """A person decides a conflict that waits."""
        waiting = self.world.asked()
        if not waiting:
            return
        conflict = waiting[pick % len(waiting)]
        values = [conflict["agreed"], *(value for _, _, value in conflict["candidates"])]
        self.world.resolve(conflict, values[pick % len(values)])
        STATISTICS["conflicts resolved"] += 1
        place = (conflict["object"], conflict["entity"], conflict["field"])
        self.resolved[place] = values[pick % len(values)]

    @rule()
    @counted
    def retry(self) -> None:
        """A person has all problems tried again."""
        self.world.retry_problems()

    @rule(approve=st.booleans())
    @counted
    def look_at_held(self, approve: bool) -> None:
        """A person approves or discards what is held."""
        for number in self.world.held():
            (self.world.approve if approve else self.world.discard)(number)
            STATISTICS["approved" if approve else "discarded"] += 1

    @rule(edits=EDITS)
    @counted
    def plan(self, edits: Edits) -> None:
        """A plan is written to a file."""
        self.type(edits)
        self.calm()
        report = self.world.sync(dry=True)
        if self.whole(report) and report.planned:
            self.plans.append(report.planned)

    @rule(pick=PICK, edits=EDITS)
    @counted
    def apply(self, pick: int, edits: Edits) -> None:
        """A plan is carried out, perhaps after further edits: exactly, or refused."""
        self.type(edits)
        if not self.plans:
            self.plan(edits)
        if not self.plans:
            return
        self.calm()
        plan = self.plans[-1 - pick % len(self.plans)]
        for account in self.world.accounts.values():
            account.log.overwritten.clear()
        report = self.world.sync(only=plan)
        if not self.whole(report):
            return
        done, wanted = carried_out(self.world, report), promised(plan)
        refused = promised(report.refused)
        told = f"law 9: applied {done} and refused {refused} of the plan {wanted}"
        if report.status == "held":  # it sends only what earlier runs left
            assert not outside(done, wanted), f"law 10: a held run wrote. {told}"
            return
        assert not outside(done, wanted), told
        assert not outside(refused, wanted), told
        left = outside(outside(outside(wanted, done), refused), withheld(self.world, report))
        assert bool(left) == bool(report.already), told
        self.check_made(left)
        self.check_overwritten(plan)
        STATISTICS["planned writes applied"] += len(done)
        STATISTICS["planned writes refused"] += len(refused)
        STATISTICS["planned writes found made"] += report.already

    @rule(pick=st.integers(0, 3), edits=EDITS)
    @counted
    def undo(self, pick: int, edits: Edits) -> None:
        """What one of the last runs wrote goes back, except what was changed since."""
        self.type(edits)
        self.calm()
        runs = self.world.writing_runs()
        if not runs:
            return
        number = runs[pick % len(runs)]
        report = self.world.undo(number)
        if not self.whole(report) or report.status not in ("done", "problems"):
            return
        STATISTICS["records written back"] += report.writes
        STATISTICS["fields left, changed since"] += len(report.kept)
        restored = self.check_undone(number, report)
        if not self.ledger.edits and self.whole(self.world.sync()):
            for (name, object, record, field), value in restored.items():
                if record in self.world.accounts[name].live(object):
                    there = self.world.fields_of(name, object, record).get(field)
                    assert same_value(OBJECTS[object].fields[field].kind, there, value), (
                        f"undo: {name} {record} {field} was {value!r} again, and is {there!r} now"
                    )

    def check_undone(self, number: int, report: Report) -> dict[tuple[str, str, str, str], Any]:
        """What the run changed is as before, or listed as kept; what is as before, by place."""
        kept = {(k["connection"], k["object"], k["record"], k["field"]) for k in report.kept}
        for problem in self.world.open_problems():  # what a CRM refuses waits there
            kept.add(tuple(problem[n] for n in ("connection", "object", "record", "field")))
        restored: dict[tuple[str, str, str, str], Any] = {}
        for written in self.world.written(number):
            place = (written.connection, written.object, written.record)
            account = self.world.accounts[written.connection]
            if (*place, "") in kept or written.record not in account.live(written.object):
                continue
            assert written.kind != "create", f"undo: {place} was created, and is there still"
            fields = self.world.fields_of(*place)
            for name in written.wrote:
                spec = OBJECTS[written.object].fields[name]
                if (
                    (*place, name) in kept
                    or name not in fields
                    or name in account.quirks.renditions
                    or spec.kind in (Kind.REFERENCE, Kind.REFERENCES)
                ):
                    continue
                before = written.before.get(name)
                assert same_value(spec.kind, fields[name], before), (
                    f"undo: {place} {name} is {fields[name]!r}, was {before!r}, and is not listed"
                )
                restored[*place, name] = before
        return restored

    def check_made(self, left: Writes) -> None:
        """What an apply neither did nor refused is there."""
        for (name, object, entity, kind, record), fields in left.items():
            account = self.world.accounts[name]
            if kind == "create":
                assert name in self.world.links(object).get(entity, {}), f"law 9: no {entity}"
                continue
            live = record in account.live(object)
            assert live is (kind == "update"), f"law 9: {name} {record} was not applied: {kind}"
            held = account.rows[object][record].values if live else {}
            for field in fields.keys() - account.quirks.renditions.keys():
                if OBJECTS[object].fields[field].kind not in (Kind.REFERENCE, Kind.REFERENCES):
                    value = plain(held.get(field))
                    assert repr(value) == fields[field], (
                        f"law 9: {name} {record} {field} is {value!r}, the plan says "
                        f"{fields[field]}, and it was neither applied nor refused"
                    )

    def check_overwritten(self, plan: list[dict[str, Any]]) -> None:
        """What the applied updates overwrote is what the plan said was there, or what a write
        that was begun before had put there."""
        planned: dict[tuple[str, str, str, str], list[Any]] = {}
        for w in plan:
            place = w["connection"], w["object"], w["record"]
            for field, value in w["fields"].items():
                planned.setdefault((*place, field), []).extend((w["before"].get(field), value))
        for name, account in self.world.accounts.items():
            for found in account.log.overwritten:
                read = self.world.shared_fields(name, found.object)
                for field, old in found.before.items():
                    spec = OBJECTS[found.object].fields.get(field)
                    if spec is None or spec.kind in (Kind.REFERENCE, Kind.REFERENCES):
                        continue
                    said = planned.get((name, found.object, found.record, field))
                    if said and field in read and field not in account.quirks.renditions:
                        assert any(same_value(spec.kind, plain(old), one) for one in said), (
                            f"law 9: {name} {found.record} {field} was {old!r}, the plan "
                            f"expected {said!r}"
                        )

    # -- runs --------------------------------------------------------------------------------

    def calm(self) -> None:
        """Nothing more goes wrong."""
        for account in self.world.accounts.values():
            account.faults.clear()

    def whole(self, report: Report) -> bool:
        """Whether the run had the calls it needed."""
        return not report.errors

    @rule(edits=EDITS)
    @counted
    def sync(self, edits: Edits) -> None:
        """A run."""
        self.type(edits)
        self.world.sync()

    @rule(edits=EDITS)
    @counted
    def full(self, edits: Edits) -> None:
        """A run that reads everything again."""
        self.type(edits)
        self.world.sync(full=True)

    @rule(edits=EDITS)
    @counted
    def dry_run_says_what_the_run_does(self, edits: Edits) -> None:
        """Law 9: the exact list of writes."""
        self.type(edits)
        self.calm()
        dry = self.world.sync(dry=True)
        if not self.whole(dry):
            return
        said = promised(dry.planned)
        report = self.world.sync()
        if not self.whole(report):
            return
        done = carried_out(self.world, report)
        if report.status == "held":  # it sends only what earlier runs left
            assert not outside(done, said), f"law 10: a held run wrote {done}, not in {said}"
            return
        assert said == done, f"law 9: the dry run said {said}, the run did {done}"
        STATISTICS["dry-run writes compared"] += len(said)

    @rule(
        at=st.integers(1, 40),
        kind=st.sampled_from(("before commit", "after commit", "before call", "after call")),
        undoing=st.sampled_from((False, False, True)),
        edits=EDITS,
    )
    @counted
    def crash(self, at: int, kind: str, undoing: bool, edits: Edits) -> None:
        """A run dies, or an undo."""
        self.type(edits)
        runs = self.world.writing_runs() if undoing else []
        if self.world.crash(at, kind, (lambda: self.world.undo(runs[0])) if runs else None):
            STATISTICS["crashes"] += 1

    @rule(
        account=st.sampled_from(NAMES),
        fault=st.sampled_from(sorted(FAULTS)),
        skip=st.integers(0, 2),
        edits=EDITS,
    )
    @counted
    def trouble(self, account: str, fault: str, skip: int, edits: Edits) -> None:
        """Something will go wrong with an account, and a run meets it."""
        self.type(edits)
        self.world.accounts[account].arm(fault, skip)
        self.world.sync()

    @rule(full=st.booleans(), edits=EDITS)
    @counted
    def settle(self, full: bool, edits: Edits) -> None:
        """The world comes to rest, and the laws hold."""
        self.type(edits)
        self.laws_hold(full)

    def laws_hold(self, full: bool) -> None:
        """Settle and check."""
        self.world.settle()
        facts = self.laws.check(full) + self.check_words()
        for (object, entity, field), value in self.resolved.items():
            agreed = self.world.merged(object)[entity].fields.get(field)
            assert same_value(OBJECTS[object].fields[field].kind, agreed, value), (
                f"law 1: {field} was resolved as {value!r}, not {agreed!r}"
            )
            facts += 1
        self.resolved.clear()
        STATISTICS["settled worlds checked"] += 1
        STATISTICS["facts held against laws"] += facts


def same_value(kind: Kind, one: Any, two: Any) -> bool:
    """Equality as the hub has it."""
    return values.same(kind, one, two, "TH")


#: The long form is `python -m tests.stateful`.
SETTINGS = settings(
    max_examples=20,
    stateful_step_count=8,
    deadline=None,
    print_blob=True,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.data_too_large,
    ],
)
Hub.TestCase.settings = SETTINGS
