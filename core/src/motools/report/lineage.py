"""The part of a report about where everything comes from: the picture, and every atom with its digests."""

from __future__ import annotations

from motools.atom.drawing import lineage_svg
from motools.markup import Child, Markup, element
from motools.report.data import AtomPart, Report
from motools.report.sections import code, digest, seconds, value, when


def lineage(report: Report) -> list[Markup]:
    """Return where everything comes from: a picture, and every atom with its contents' digests."""
    if not report.atoms:
        return [element("p", "No atom is left.", class_="note"), *_gone(report)]
    drawn = report.atoms[: report.limits.atoms]
    rows = [part.row for part in drawn]
    made = frozenset(atom for run in report.runs for atom in run.outputs.values())
    picture = lineage_svg(
        rows,
        report.links,
        {part.row.id: part.makers for part in drawn},
        label=f"Where it comes from: {len(rows)} atoms, each below what it was made from",
        link_to=lambda atom_id: f"#atom-{atom_id}",
        strong=made,
        styled=False,
    )
    note = element(
        "p",
        "Each atom stands below what it was made from; dashed: it has its value from an earlier result. "
        "Thick: what the run came to.",
        class_="note",
    )
    less = None
    if len(drawn) < len(report.atoms):
        less = element("p", f"Drawn are the nearest {len(drawn)} of {len(report.atoms)} atoms.", class_="note")
    atoms = element("div", [_atom(part) for part in report.atoms], class_="atoms")
    picture_ = element("div", picture, class_="picture", tabindex=0, role="region", aria_label="Lineage")
    return [note, less or Markup(""), picture_, element("h3", "Atoms"), atoms, *_gone(report)]


def _gone(report: Report) -> list[Markup]:
    if not report.gone:
        return []
    names = [element("li", code(atom_id)) for atom_id in report.gone]
    return [
        element("p", "These atoms are not in the store any more ('motools store gc' removed them):"),
        element("ul", names),
    ]


def _atom(part: AtomPart) -> Markup:
    row = part.row
    facts: list[tuple[Child, Child]] = [("user", row.user), ("made", when(row.created_at))]
    for maker in part.makers:
        how = "computed by" if maker.how == "computed" else "reused by"
        took = f", {seconds(maker.seconds)}" if maker.seconds is not None else ""
        seeds = "".join(f", {path} {seed}" for path, seed in maker.seeds.items())
        facts.append((how, [code(maker.step), " of run ", code(maker.run), f", {maker.user}{took}{seeds}"]))
    facts += [
        (f"made from {name}", element("a", code(parent), href=f"#atom-{parent}"))
        for name, parent in row.made_from.items()
    ]
    if row.reused_from:
        facts.append(("value of", element("a", code(row.reused_from), href=f"#atom-{row.reused_from}")))
    if part.pinned_by:
        facts.append(("pinned by", part.pinned_by))
    if row.tags:
        facts.append(("tags", ", ".join(row.tags)))
    facts += [(code(name), value(found)) for name, found in sorted(row.metadata.items())]
    facts += [("content", code(row.content)), ("value", code(row.value))]
    listed = [[element("dt", name), element("dd", found)] for name, found in facts]
    return element(
        "details",
        element("summary", element("span", row.type, class_="kind"), " ", code(row.id), digest(row.content)),
        element("dl", listed),
        id=f"atom-{row.id}",
        class_="atom",
    )
