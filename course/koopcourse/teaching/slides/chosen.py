"""Which parts of a lesson its slides show. Nothing of a lesson is copied: a slide names a section and picks of it."""

from __future__ import annotations

from koopcourse.teaching.slides.picks import (
    Slide,
    code,
    figure,
    formula,
    items,
    printed,
    question,
    sentence,
    slide,
    table,
    text,
)

KSWGD = (
    slide("", text("Its question")),
    slide("A picture first", text("Grey: a density"), figure(1)),
    slide("The idea without formulas", text(1), text(2), text(3)),
    slide("The mathematics", text(1), formula(1), text("so samples of"), formula(2)),
    slide("The mathematics", text("have the **moments**"), formula(3), text("measures what is left"), formula(4)),
    slide(
        "The mathematics",
        text("How do the moments answer"),
        formula(5),
        text("At equilibrium"),
        text("that usually fails"),
    ),
    slide("From scratch", code(1)),
    slide("From scratch", figure(1), sentence("The slowest function is a step"), printed(1)),
    slide("From scratch", sentence("Now the velocity (4)"), code(3)),
    slide("What dividing by the rate does", question()),
    slide("What dividing by the rate does", figure(1), printed(1)),
    slide("Two dimensions: eight modes", text(1), figure(1)),
    slide(
        "As good as what?",
        sentence("How good were the 800"),
        printed(1),
        sentence("of the particles is that of exact"),
    ),
    slide("As good as what?", figure(1), text("A hundred particles average")),
    slide("Where the promised rate holds, and where it does not", question()),
    slide("Where the promised rate holds, and where it does not", figure(1), printed(1)),
    slide("What goes wrong: the ghost wells", sentence("By (4) a flow can rest"), figure(1), printed(1)),
    slide("The cure: damp the metric", text("is the trouble"), formula(6), text("Then"), formula(7)),
    slide("The cure: damp the metric", figure(1), sentence("this is $a$ itself")),
    slide("Move the damping yourself", text(1), figure(1)),
    slide("How many modes?", question()),
    slide("How many modes?", figure(1)),
    slide("Exercises", table()),
    slide("Key points", items()),
)

# By place rather than by words, where it can be: this lesson's text moves more often.
KOOPMAN_CFM = (
    slide("", text("Its question")),
    slide("A picture first", text(1), figure(1)),
    slide("The idea without formulas", text(1), text(2), text(3)),
    slide("The mathematics", text(1), formula(1), text(2), formula(2), text(3), formula(3)),
    slide("The mathematics", text(4), formula(4), text(5)),
    slide("The mathematics", text(6), formula(5), text(7), text(8)),
    slide("From scratch", text(1), code(1)),
    slide("One step", figure(1), text(2)),
    slide("One step", figure(2)),
    slide("The plain rivals", text(1), formula(6), printed(1)),
    slide("The whole path, and what the boundary does not say", question()),
    slide("The whole path, and what the boundary does not say", figure(1), printed(2)),
    slide("The whole path, and what the boundary does not say", figure(2)),
    slide("The way back", text(1), figure(1)),
    slide("Modes as pictures", text(1), figure(1)),
    slide("Is the spectrum a property of the flow?", question()),
    slide("Is the spectrum a property of the flow?", printed(1), text(1), formula(7), printed(2)),
    slide("A straight flow is a Jordan block", text(1), printed(1)),
    slide("What goes wrong: a loss near zero", question()),
    slide("What goes wrong: a loss near zero", figure(1), printed(1)),
    slide("Exercises", table()),
    slide("Key points", items()),
)

DECKS: dict[str, tuple[Slide, ...]] = {"05": KSWGD, "10": KOOPMAN_CFM}
