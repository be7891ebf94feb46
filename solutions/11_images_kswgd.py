# %% [markdown]
# # Exercises 11: the numbers behind the pictures
#
# **30 minutes · level: core · device: CPU is enough · prerequisites: [lesson 11](../notebooks/11_images_kswgd.ipynb)**
#
# Write your answers where it says `YOUR CODE HERE`, then run the cell and the check below it. A check says what is
# wrong, as often as you like. Until it passes, the notebook goes on with the course's answer, so nothing ever blocks
# you. Each exercise has three hints; open them one at a time.

# %%
import koopteach as kt
import koopcourse as kc

profile = kc.setup("11")

# %% [markdown]
# The playground for all exercises: the 8 x 8 digits, an autoencoder that knows them, and a classifier.

# %%
import torch

from koopcourse import check, plotting

images = kc.load_images("digits8")
autoencoder, classifier = kc.shipped("digits-codes"), kc.shipped("digits-classifier")
codes = autoencoder.encode(images.train).double()

# %% [markdown]
# ## L11-E1 Round codes
#
# *core, 8 minutes, importance 2 of 3.* Samplers start from standard normal noise, so codes should have mean zero and covariance one. Take
# `codes` `(n, d)`, in any unit and around any mean, with the covariance $C$ (divided by $n$, and of full rank) and return $(z-\bar z)\,C^{-1/2}$, `(n, d)`, with the
# **symmetric** root: if $C=V\,\mathrm{diag}(\sigma)\,V^{\mathsf T}$, then $C^{-1/2}=V\,\mathrm{diag}(\sigma^{-1/2})\,V^{\mathsf T}$.
#
# *Example.* `[[5, 1], [1, 1], [3, 2], [3, 0]]` has the mean $(3, 1)$ and the covariance $\mathrm{diag}(2,\tfrac12)$. Out come
# `[[1.414, 0], [-1.414, 0], [0, 1.414], [0, -1.414]]`.
#
# *It must hold that* the result has the covariance one, and that codes rotated first come out rotated.


# %%
def whiten(codes):
    """Codes with mean zero and covariance one, (n, d)."""
    ### BEGIN SOLUTION
    centred = codes - codes.mean(dim=0)
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(codes))
    return centred @ vectors @ torch.diag(values.rsqrt()) @ vectors.T
    ### END SOLUTION


# %% tags=["check"]
whiten = check("L11-E1", whiten)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Turn the codes into the frame of the covariance's eigenvectors, divide each coordinate by its standard deviation there,
# turn back.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $(z-\bar z)\,V\,\mathrm{diag}(\sigma_1^{-1/2},\dots,\sigma_d^{-1/2})\,V^{\mathsf T}$. `torch.linalg.eigh` gives $\sigma$ and $V$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# centred = codes - ___
# values, vectors = torch.linalg.eigh(___)
# return centred @ vectors @ torch.diag(___) @ ___
# ```
#
# </details>

# %% [markdown]
# See it work on what the encoder's network really puts out, before the autoencoder makes it round. Your function and the autoencoder
# should agree:

# %%
raw = autoencoder.encoder(images.train.flatten(1)).double()
white = whiten(raw)

# %% tags=["collapsed", "nbval-ignore-output"]
assert torch.allclose(white, codes, atol=1e-3)
fig, axes = plotting.new_figure(2, height=3.4)
for ax, points, title in zip(
    axes, (raw - raw.mean(0), white), ("raw codes, centred", "white codes")
):
    ax.scatter(points[:, 0], points[:, 1], s=4, color=plotting.COLORS["data"])
    ax.set(xlabel="first number", ylabel="second number", title=title)
plotting.finish(
    fig,
    "Left: two numbers of the raw codes, a long cloud. Right: the same whitened, of size one "
    "both ways.",
)

# %% [markdown]
# *Go further.* Whiten all 64 pixels of the pictures themselves. What happens, and which line of your function has to change?

# %% [markdown]
# ## L11-E2 Fakes among real ones
#
# *core, 10 minutes, importance 3 of 3.* Around each point of `real` `(m, d)` lies a ball that reaches to its `k`-th nearest *other*
# point of `real`, $k<m$; another point at the same place is its neighbour, too, at distance zero. Return the share of the points of
# `fake` `(n, d)` that lie in **any** of these balls (at its edge counts), a number. This is the precision of the fakes.
#
# *Example.* `real = [[0], [1], [3]]`, `k = 1`: the radii are 1, 1 and 2. Of the fakes 0.5, 2.5, 4 and 5.5 the first three
# lie in a ball: 0.75.
#
# *It must hold that* the real points themselves score one.


# %%
def precision(fake, real, k):
    """Share of the fakes that lie in the neighbourhood of some real point, a number."""
    ### BEGIN SOLUTION
    exact = "donot_use_mm_for_euclid_dist"
    radius = torch.cdist(real, real, compute_mode=exact).sort(dim=1).values[:, k]
    inside = torch.cdist(fake, real, compute_mode=exact) <= radius
    return inside.any(dim=1).to(fake.dtype).mean()
    ### END SOLUTION


# %% tags=["check"]
precision = check("L11-E2", precision)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# First the radii, from the distances within `real` alone. In a sorted row of these, what stands first?
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $\frac1n\#\{i:\ |x_i-r_j|\le\rho_j\ \text{for some}\ j\}$, $\rho_j$ the $k$-th smallest of $|r_j-r_l|$, $l\neq j$. Above 25 rows
# `torch.cdist` takes a shortcut whose rounding shows where a point is compared with itself; with
# `compute_mode="donot_use_mm_for_euclid_dist"`, or from the differences, it does not.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# exact = "donot_use_mm_for_euclid_dist"
# radius = torch.cdist(___, ___, compute_mode=exact).sort(dim=1).values[:, ___]
# inside = torch.cdist(___, ___, compute_mode=exact) <= ___
# return inside.___(dim=1).to(fake.dtype).mean()
# ```
#
# </details>

# %% [markdown]
# Is there a digit half-way between two digits? Half-way mixtures of held-out *codes*, half-way mixtures of the *pictures*, and
# noise that was decoded, all seen by the classifier:

# %% tags=["nbval-ignore-output"]
held_out = autoencoder.encode(images.test).double()
partner = torch.randperm(len(held_out), generator=profile.generator(1))
noise = torch.randn(held_out.shape, dtype=held_out.dtype, generator=profile.generator(4))
real = classifier.features(autoencoder.decode(held_out))
pictures = autoencoder.decode(held_out)
mixed = {
    "the real ones themselves": pictures,
    "half-way between two codes": autoencoder.decode((held_out + held_out[partner]) / 2),
    "half-way between two pictures": (pictures + pictures[partner]) / 2,
    "noise, decoded": autoencoder.decode(noise),
}
share = {name: float(precision(classifier.features(x), real, 5)) for name, x in mixed.items()}
for name, value in share.items():
    kc.show(f"{name:32}", value, digits=2)

# %% tags=["collapsed"]
# precision forgives mixtures, not noise
assert (
    share["noise, decoded"]
    < 0.9
    < share["half-way between two codes"]
    < share["the real ones themselves"]
    == 1
)

# %% [markdown]
# Precision forgives both, even blended pixels, which need be no digit: it sees what the classifier sees. Decoded noise it does not forgive.
#
# *Go further.* Compute recall with the same function. Which of the two falls when all fakes are one digit?

# %% [markdown]
# ## L11-E3 A step that sharpens
#
# *core, 10 minutes, importance 2 of 3.* A spectrum of data `x` `(n, d)` knows the score of their law: the generator applied to the coordinates,
#
# $$s(y)=-\sum_k e_k\,\overline{\phi_k x}\;\phi_k(y),\qquad \overline{\phi_k x}=\frac1n\sum_i\phi_k(x_i)\,x_i .$$
#
# Given points `y` `(m, d)`, the eigenfunctions at them `phi_y` `(m, r)` and at the data `phi_x` `(n, r)`, `x`, the `energies` `(r,)` and a
# number `h`, return the points $y+h\,s(y)$, `(m, d)`.
#
# *Example.* One mode of energy 0.25 that is 1 and -1 at the data 2 and -2, so $\overline{\phi x}=2$; at $y=2$ it is 1. Then
# $s=-0.5$, and a step of $h=0.4$ ends at 1.8.
#
# *It must hold that* on a Gaussian of standard deviation $\sigma$ ($\phi=x/\sigma$, $e=1/\sigma^2$) each $y$ shrinks by $1-h/\sigma^2$.


# %%
def sharpen(y, phi_y, phi_x, x, energies, h):
    """The points after one step along the spectrum's score, (m, d)."""
    ### BEGIN SOLUTION
    overlap = phi_x.T @ x / len(x)
    score = -phi_y @ (energies[:, None] * overlap)
    return y + h * score
    ### END SOLUTION


# %% tags=["check"]
sharpen = check("L11-E3", sharpen)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# First one row for each mode: the mean over the data of the eigenfunction times the point. Then weigh, then sum over modes.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# `overlap` is `(r, d)`, so the score is `phi_y` `(m, r)` times a matrix `(r, d)`, with a minus.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# overlap = ___ @ x / ___
# score = -phi_y @ (___ * ___)
# return y + ___
# ```
#
# </details>

# %% [markdown]
# Put noise of a known variance on held-out codes, and take a step of just that size: how far are they from where they were? Tweedie's
# formula says that no function of the noisy code could do better, if the score were that of the *noisy* codes. Ours is that of the clean
# ones, which is steeper.

# %%
kernels = kt.GaussianRBF.from_data(codes, 400, profile.generator(2), units=1.0)
tail = kt.Monomials(codes.shape[1], 2)
spectrum = kt.GeneratorEDMD(kt.MultiScale([kernels, tail])).fit(codes).spectrum(400)
h = 0.02
noisy = held_out + h**0.5 * torch.randn(
    held_out.shape, dtype=held_out.dtype, generator=profile.generator(3)
)
steps = (0, h / 8, h / 4, h / 2, 3 * h / 4, h)
off = [
    (sharpen(noisy, spectrum(noisy), spectrum(codes), codes, spectrum.energies, step) - held_out)
    .square()
    .mean()
    for step in steps
]

# %% tags=["collapsed", "nbval-ignore-output"]
plotting.curves(
    [step / h for step in steps],
    {"held-out codes": torch.stack(off) / h},
    xlabel="size of the step / variance of the noise",
    ylabel="squared error left / variance of the noise",
    alt="Squared error left in noisy held-out codes against the size of the step: it falls from "
    "one, is smallest for a step of about half the variance, and rises again.",
)
assert min(off[1:4]) < off[0] and off[5] > min(off)

# %% [markdown]
# *Go further.* The best step is shorter: one reason is named above, the other is the score's error. Compare with `kt.kde_score(codes)`, and with more kernels.
