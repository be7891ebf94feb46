"""Figures: what finish lets through, what the helpers draw, what the sliders try, and colours for every eye."""

import itertools
import os
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.needs import needs

plt = needs("matplotlib.pyplot")

from koopcourse import runtime
from koopcourse.plotting import (
    COLORS,
    choices,
    compare,
    curves,
    density,
    eigenfunctions,
    explore,
    figures,
    film_strip,
    films,
    finish,
    new_figure,
    page_picture,
    picture_rows,
    points,
    slider,
    widgets,
)
from koopcourse.plotting.story import lifted_flow, story
from koopcourse.plotting.style import SERIES
from koopteach import GaussianMixture, Hermite

ALT = "one line that rises from left to right"
RING = GaussianMixture.ring(3, 2.0, 0.5)
BOX = (-4.0, 4.0)


@pytest.fixture(autouse=True)
def _close_figures(monkeypatch):
    monkeypatch.setenv("KOOPTEACH_STRICT", "1")
    yield
    runtime.reference_in_use.clear()
    left_open = plt.get_fignums()
    plt.close("all")
    assert left_open == []
    assert "MPLBACKEND" not in os.environ  # it would reach the kernels, which draw inline


@pytest.fixture
def shown(monkeypatch):
    """The figures that would have been shown, with what they say, in order."""
    seen = []

    def keep(fig, alt):
        fig.canvas.draw()
        seen.append(
            SimpleNamespace(fig=fig, alt=alt, axes=fig.axes, texts=[t.get_text() for t in fig.findobj(plt.Text)])
        )

    monkeypatch.setattr(figures, "_display", keep)
    return seen


def line(x=(0, 1), y=(0, 1)):
    fig, (ax,) = new_figure()
    ax.plot(x, y)
    ax.set(xlabel="time", ylabel="energy", title="a panel")
    return fig, ax


# finish


def test_a_good_figure_is_shown_and_closed(shown):
    fig, _ = line()
    finish(fig, ALT)
    assert [(s.fig, s.alt) for s in shown] == [(fig, ALT)]


def test_without_a_notebook_it_is_shown_by_the_backend():
    fig, _ = line()
    finish(fig, ALT)
    assert fig.get_label() == ALT


@pytest.mark.parametrize("alt", ["", "a short alt"])
@pytest.mark.parametrize("strict", ["1", "0"])
def test_a_text_alternative_is_a_sentence(alt, strict, monkeypatch, shown):
    monkeypatch.setenv("KOOPTEACH_STRICT", strict)
    with pytest.raises(ValueError, match="alt must say in a sentence what the figure shows, got"):
        finish(line()[0], alt)
    assert not shown


def nothing_drawn(ax):
    ax.lines[0].remove()


def nan_line(ax):
    ax.plot([0, 1], [0, np.nan])


def infinite_line(ax):
    ax.plot([0, np.inf], [0, 1])


def nan_points(ax):
    ax.scatter([0.0, np.nan], [1.0, 2.0])


FAULTS = {
    "a panel: no x label": lambda ax: ax.set_xlabel(""),
    "a panel: no y label": lambda ax: ax.set_ylabel(""),
    "a panel: nothing drawn": nothing_drawn,
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("told", "spoil"),
    [*FAULTS.items(), *(("a panel: data that are not finite", f) for f in (nan_line, infinite_line, nan_points))],
)
def test_a_faulty_figure_raises_while_tested_and_is_shown_otherwise(told, spoil, monkeypatch, shown):
    fig, ax = line()
    spoil(ax)
    with pytest.raises(ValueError, match=f"finish: {told}"):
        finish(fig, ALT)
    assert not shown
    monkeypatch.setenv("KOOPTEACH_STRICT", "0")
    fig, ax = line()
    spoil(ax)
    finish(fig, ALT)
    assert len(shown) == 1


def test_every_fault_of_every_panel_is_named():
    fig, axes = new_figure(2)
    for ax, name in zip(axes, ("left", "right")):
        ax.set_title(name)
    with pytest.raises(ValueError, match=r"left: nothing drawn; left: no x.*right: nothing drawn.*right: no y label"):
        finish(fig, ALT)


def test_a_divergence_may_be_shown_on_purpose(shown):
    fig, ax = line()
    nan_line(ax)
    finish(fig, ALT, allow_nonfinite=True)
    assert shown


def test_panels_that_share_an_axis_need_one_label(shown):
    fig, axes = new_figure(2, sharey=True)
    for ax in axes:
        ax.plot([0, 1])
        ax.set_xlabel("time")
    axes[0].set_ylabel("energy")
    finish(fig, ALT)
    assert shown


def test_axes_outside_the_grid_are_checked_too():
    fig, _ = line()
    inset = fig.add_axes((0.5, 0.5, 0.2, 0.2))
    inset.plot([0, 1])
    with pytest.raises(ValueError, match="an axes: no x label; an axes: no y label"):
        finish(fig, ALT)


def test_colour_bars_and_bare_axes_need_no_labels(shown):
    fig, ax = line()
    fig.colorbar(ax.scatter([0, 1], [0, 1], c=[0, 1]), ax=ax)
    finish(fig, ALT)
    fig, ax = line()
    ax.set(xlabel="", ylabel="")
    ax.axis("off")
    finish(fig, ALT)
    assert len(shown) == 2


def test_an_answer_of_the_course_is_told(shown):
    finish(line()[0], ALT)
    runtime.reference_in_use.update({"L05-E2", "L05-E1"})
    finish(line()[0], ALT)
    text = "drawn with the course's answer to L05-E1, L05-E2"
    assert [text in s.texts for s in shown] == [False, True]


def test_a_notebook_gets_the_text_alternative_in_the_output(monkeypatch):
    display = needs("IPython.display")
    monkeypatch.setattr(plt, "get_backend", lambda: "module://matplotlib_inline.backend_inline")
    seen = []
    monkeypatch.setattr(display, "display", lambda fig, **more: seen.append((fig, more)))
    fig, _ = line()
    finish(fig, ALT)
    assert seen[0] == (fig, {"metadata": {"image/png": {"alt": ALT}}})


# The helpers


def sample(n=60, seed=0):
    return RING.sample(n, torch.Generator().manual_seed(seed))


def test_compare_draws_as_many_exact_points(shown):
    given = {"one": sample(30), "other": sample(30, 1)}
    compare(given, sample(500, 2), BOX, alt=ALT, log_prob=RING.log_prob, notes={"one": "W2 .1"})
    (figure,) = shown
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["one\nW2 .1", "other", "exact sample"]
    drawn = [ax.collections[-1] for ax in figure.axes]
    assert [len(c.get_offsets()) for c in drawn] == [30, 30, 30]
    np.testing.assert_allclose(drawn[0].get_offsets(), given["one"])
    assert all(ax.get_xlim() == ax.get_ylim() == BOX for ax in figure.axes)
    colors = [tuple(c.get_facecolor()[0][:3]) for c in drawn]
    assert colors[0] == colors[1] != colors[2]


def test_points_outside_are_counted():
    fig, (ax,) = new_figure()
    points(ax, torch.tensor([[0.0, 0.0], [9.0, 0.0], [0.0, -9.0]]), BOX)
    assert [t.get_text() for t in ax.texts] == ["2 outside"]
    plt.close(fig)


def test_density_is_drawn_the_right_way_up():
    """A narrow mode at (2, -1): the outermost contour must surround it, not its mirror image."""
    fig, (ax,) = new_figure()
    density(ax, GaussianMixture([[2.0, -1.0]], 0.3).log_prob, BOX)
    corners = np.concatenate([path.vertices for path in ax.collections[0].get_paths()])
    np.testing.assert_allclose(corners.mean(0), [2, -1], atol=0.3)
    plt.close(fig)


def test_a_film_strip_shows_the_steps_asked(shown):
    particles = torch.stack([sample(20, k) for k in range(4)])
    film_strip(particles, [0, 20], BOX, alt=ALT, records=torch.tensor([0, 10, 20, 30]), title="KSWGD")
    assert [ax.get_title(loc="left") for ax in shown[0].axes] == ["KSWGD, step 0", "step 20"]
    np.testing.assert_allclose(shown[0].axes[1].collections[-1].get_offsets(), particles[2])
    film_strip(particles, [3], BOX, alt=ALT, log_prob=RING.log_prob)
    np.testing.assert_allclose(shown[1].axes[0].collections[-1].get_offsets(), particles[3])
    with pytest.raises(ValueError, match=r"steps \[5\] were not recorded, only \[0, 1, 2, 3\].*record_every=1"):
        film_strip(particles, [0, 5], BOX, alt=ALT)


def test_eigenfunctions_are_drawn_the_right_way_up(shown):
    """The first Hermite feature is the first coordinate: it grows to the right and not upwards."""
    eigenfunctions(Hermite(2, 2), torch.tensor([1.0, 1.0, 2.0]), BOX, alt=ALT, count=2, log_prob=RING.log_prob)
    eigenfunctions(Hermite(2, 2), torch.tensor([1.0, 1.0]), BOX, alt=ALT, count=1)
    assert [ax.get_title(loc="left") for ax in shown[0].axes] == ["rate 1", "rate 1"]
    values = shown[1].axes[0].collections[0].get_array().reshape(120, 120)
    assert values[60, 0] < 0 < values[60, -1]
    assert abs(values[-1, 60] - values[0, 60]) < 1e-12
    hidden = np.isnan(np.ma.filled(shown[0].axes[0].collections[0].get_array(), np.nan))
    assert 0.2 < hidden.mean() < 0.95  # where there are no data


@pytest.mark.slow
def test_curves_differ_in_more_than_colour(shown):
    ys = {f"method {k}": [1.0 + k, 2.0, 3.0] for k in range(7)} | {"own": ([0.5, 1.5], [2.0, 1.0])}
    curves([1.0, 2.0, 3.0], ys, xlabel="step", ylabel="W2", alt=ALT, logx=True, logy=True, floor=(0.5, 0.1), title="t")
    (ax,) = shown[0].axes
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title(loc="left")) == ("step", "W2", "t")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert [t.get_text() for t in ax.get_legend().get_texts()] == [*ys, "noise floor"]
    drawn = ax.lines[:8]
    np.testing.assert_allclose(drawn[7].get_xydata(), [[0.5, 2.0], [1.5, 1.0]])
    assert len({(l.get_color(), str(l._unscaled_dash_pattern), l.get_marker()) for l in drawn[:7]}) == 7
    assert len({l.get_marker() for l in drawn[:7]}) == 7
    assert ax.patches[0].get_extents().height > 0
    assert ax.get_legend().get_window_extent().x0 >= ax.get_window_extent().x1  # beside: inside it would cover data
    curves([1.0, 2.0], {"one": [1.0, 2.0]}, xlabel="step", ylabel="W2", alt=ALT)
    assert shown[1].axes[0].get_legend() is None
    with pytest.raises(ValueError, match="not finite"):
        curves([1.0, 2.0], {"one": [1.0, float("nan")]}, xlabel="step", ylabel="W2", alt=ALT)


def test_a_legend_over_data_is_refused_where_notebooks_are_tested(shown, monkeypatch):
    monkeypatch.setattr(runtime, "strict", lambda: True)

    def drawn(loc, how):
        fig, (ax,) = new_figure()
        getattr(ax, how)([0.0, 0.5, 1.0], [0.0, 0.5, 1.0], label="a line")
        ax.set(xlabel="x", ylabel="y")
        ax.legend(loc=loc)
        return fig

    for how in ("plot", "scatter"):
        finish(drawn("upper left", how), ALT)
        cut = drawn("upper right", how)
        cut.axes[0].set(xlim=(-0.5, 0.8))  # the last point, under the legend, is not seen
        finish(cut, ALT)
        with pytest.raises(ValueError, match="the legend covers data"):
            finish(drawn("upper right", how), ALT)


@pytest.mark.parametrize(
    "told", ["grows to 12 seconds", "takes about a minute", "in .3 CPU seconds", "1,200 milliseconds"]
)
def test_a_caption_tells_no_seconds_where_notebooks_are_tested(shown, monkeypatch, told):
    fig, (ax,) = new_figure()
    ax.plot([0.0, 1.0], [0.0, 1.0])
    ax.set(xlabel="seconds", ylabel="y")
    monkeypatch.setattr(runtime, "strict", lambda: True)
    with pytest.raises(ValueError, match="another machine"):
        finish(fig, f"The error against CPU seconds; it {told}.")


def test_a_second_curve_is_no_time(shown, monkeypatch):
    fig, (ax,) = new_figure()
    ax.plot([0.0, 1.0], [0.0, 1.0])
    ax.set(xlabel="seconds", ylabel="y")
    monkeypatch.setattr(runtime, "strict", lambda: True)
    finish(fig, "The error against CPU seconds, and a second training beside it.")


def test_figures_have_the_width_of_the_page():
    for columns, width in ((1, 4.6), (3, 9.0)):
        fig, axes = new_figure(columns, rows=2, height=2.0)
        assert len(axes) == 2 * columns
        np.testing.assert_allclose(fig.get_size_inches(), [width, 4.0])
        plt.close(fig)


# Sliders


def test_a_slider_has_equal_steps():
    control = slider(0.1, 0.5, 0.1, 0.3)
    assert control.values == (0.1, 0.2, 0.3, 0.4, 0.5)
    assert control.labels == ("0.1", "0.2", "0.3", "0.4", "0.5")
    whole = slider(5, 20, 5, 10)
    assert whole.values == (5, 10, 15, 20)
    assert all(isinstance(v, int) for v in whole.values)
    assert choices(["a", 1e-3], "a", ["first", "second"]).labels == ("first", "second")
    assert choices([float("inf"), 1.0], 1.0).labels == ("inf", "1")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: slider(0.0, 1.0, 0.5, 0.3), r"start must be one of \[0.0, 0.5, 1.0\], got 0.3"),
        (lambda: choices([1, 2], 1, ["one"]), "2 values need as many labels, got 1"),
        (lambda: explore(lambda: None), "at least one control, for example explore"),
    ],
)
def test_sliders_name_bad_arguments(make, told):
    with pytest.raises(ValueError, match=told):
        make()


def test_every_end_of_every_control_is_tried_while_tested(shown, monkeypatch):
    calls = []

    def draw(rank, damping):
        calls.append((rank, damping))
        finish(line(y=(0, rank))[0], ALT)

    controls = {"rank": slider(5, 20, 5, 10), "damping": choices([float("inf"), 1.0, 0.1], 1.0)}
    explore(draw, **controls)
    assert calls == [(5, 1.0), (20, 1.0), (10, float("inf")), (10, 0.1), (10, 1.0)]
    assert len(shown) == 1  # the tries are not shown
    calls.clear()
    monkeypatch.setenv("KOOPTEACH_STRICT", "0")
    explore(draw, **controls)
    assert calls == [(10, 1.0)]


@pytest.mark.parametrize("end", [1, 3])
def test_a_slider_that_breaks_at_an_end_breaks_the_test(end, shown):
    def draw(k):
        finish(line(y=(0, float("nan") if k == end else k))[0], ALT)

    display = figures._display
    with pytest.raises(ValueError, match="not finite"):
        explore(draw, k=slider(1, 3, 1, 2))
    assert figures._display is display  # put back


def test_in_a_notebook_there_is_a_slider_a_control(monkeypatch, shown):
    ipywidgets = needs("ipywidgets")
    monkeypatch.setattr("IPython.get_ipython", lambda: object())
    seen = {}
    monkeypatch.setattr(ipywidgets, "interact", lambda draw, **sliders: seen.update(sliders))
    explore(lambda max_move: finish(line()[0], ALT), max_move=choices([0.1, 0.25], 0.25, ["tight", "wide"]))
    (knob,) = seen.values()
    assert (knob.value, knob.label, knob.description) == (0.25, "wide", "max move")
    assert [label for label, _ in knob.options] == ["tight", "wide"]
    assert knob.tooltip == "max move: the arrow keys move it, too"
    widths = []
    for label in ("wide", "without calibration"):
        explore(lambda k: finish(line()[0], ALT), k=choices([1, 2], 1, ["tight", label]))
        widths.append(int(seen["k"].layout.width.removesuffix("px")))
    assert widths[1] - widths[0] == 8 * (len("without calibration") - len("tight"))  # no label is cut


# Colours


XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
# Machado, Oliveira, Fernandes 2009, full severity, for linear RGB
SIGHT = {
    "usual": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}


def lab(color, sight):
    """CIE Lab coordinates of a hexadecimal colour as somebody with that sight sees it."""
    c = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    t = XYZ @ np.clip(SIGHT[sight] @ linear, 0, 1) / np.array([0.95047, 1, 1.08883])
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize(("sight", "least"), [("usual", 25), ("protanopia", 15), ("deuteranopia", 15)])
def test_lines_differ_for_every_eye(sight, least):
    """A difference of 2.3 is just seen side by side; thin lines need several times that."""
    for a, b in itertools.combinations([color for color, _, _ in SERIES], 2):
        assert np.linalg.norm(lab(a, sight) - lab(b, sight)) > least, (a, b)


@pytest.mark.parametrize("sight", SIGHT)
def test_every_colour_with_a_meaning_is_told_apart(sight):
    """The floor's grey is a band, so less will do for it."""
    for a, b in itertools.combinations(COLORS, 2):
        least = 7 if "floor" in (a, b) else 15
        assert np.linalg.norm(lab(COLORS[a], sight) - lab(COLORS[b], sight)) > least, (a, b)


def test_without_the_extra_there_is_a_hint(monkeypatch):
    import importlib
    import sys

    import koopcourse.plotting as plotting

    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "matplotlib", None)
        with pytest.raises(ImportError, match=r"pip install matplotlib"):
            importlib.reload(plotting)
    importlib.reload(plotting)
    assert widgets.explore is plotting.explore


def test_the_lift_of_the_story_is_the_flow():
    """Euler's error halves with its step; the matrix exponential of the lifted system is what it converges to."""
    errors = []
    for n_steps in (400, 800):
        crept, lifted, jumped = lifted_flow(n_steps)
        assert torch.equal(lifted[:, 2], lifted[:, 0] ** 2)
        assert torch.allclose(jumped[:, 2], jumped[:, 0] ** 2)
        errors.append(float((jumped[:, :2] - crept[-1]).abs().max()))
    assert errors[1] < 0.01
    assert errors[0] / errors[1] == pytest.approx(2, abs=0.1)


@pytest.mark.slow
def test_the_story_is_drawn(shown):
    story()
    assert len(shown) == 1


def test_films_show_every_flow_at_every_time(shown):
    x = torch.randn(3, 20, 2, generator=torch.Generator().manual_seed(0))
    films({"teacher": x, "student": x}, [0.0, 0.5, 1.0], BOX, hue=x[0, :, 0], alt=ALT)
    axes = shown[-1].axes
    assert [ax.get_title(loc="left") for ax in axes[:3]] == ["t = 0", "t = 0.5", "t = 1"]
    assert [ax.get_ylabel() for ax in axes[::3]] == ["teacher", "student"]
    assert all(len(ax.collections[0].get_offsets()) == 20 for ax in axes)
    with pytest.raises(ValueError, match="films: 'teacher' has 3 states, but there are 2 times"):
        films({"teacher": x}, [0.0, 1.0], BOX, hue=x[0, :, 0], alt=ALT)


def test_pictures_stand_in_rows_on_their_scales(shown):
    grey, change = torch.rand(3, 4, 5), torch.randn(3, 4, 5)
    picture_rows({"real": grey, "mode": change}, columns=["a", "b", "c"], signed=["mode"], alt=ALT)
    (seen,) = shown
    above, below = (ax.images[0] for ax in seen.axes)
    assert above.get_clim() == (0.0, 1.0)
    most = float(change.abs().max())
    assert below.get_clim() == pytest.approx((-most, most))
    strip = above.get_array()
    assert strip.shape == (4, 3 * 6 - 1)
    assert np.ma.getmaskarray(strip)[:, 5].all()  # nothing stands between two pictures
    for i, picture in enumerate(grey):
        np.testing.assert_allclose(strip[:, 6 * i : 6 * i + 5], picture.numpy())
    assert [text.get_text() for text in seen.axes[0].texts] == ["a", "b", "c"]


def test_rows_of_pictures_are_equally_long():
    with pytest.raises(
        ValueError, match=r"picture_rows: rows hold \{'a': 2, 'b': 3\} pictures and there are 0 columns"
    ):
        picture_rows({"a": torch.rand(2, 3, 3), "b": torch.rand(3, 3, 3)}, alt=ALT)


def test_a_page_without_a_picture_is_refused_by_name():
    with pytest.raises(ValueError, match="no picture of a page 'nothing'"):
        page_picture("nothing", alt="Nothing is there to be seen at all.")
