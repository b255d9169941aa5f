"""The grammar of the corpus `stories`: children meet animals, in one of five topics.

Topics differ in their words, some of which belong to two topics, and in a relation: the use of each
of six tools, for which all topics have the same words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from chisel.corpora.stories.grammar import Grammar, Latent, Slot, Template, literal

_Words = Mapping[str, tuple[str, ...]]
"""Words, by the value of a latent that they speak for."""

_NAMES = {
    "boy": ("ben", "finn", "hugo", "jack", "leo", "max", "sam", "tom"),
    "girl": ("anna", "eva", "ivy", "lily", "mia", "nora", "ruby", "zoe"),
}
_PLACES = {
    "forest": ("wood", "grove", "valley", "orchard"),
    "sea": ("beach", "cove", "harbour", "cliff"),
    "farm": ("barn", "stable", "orchard", "market"),
    "town": ("street", "square", "market", "harbour"),
    "mountain": ("peak", "cave", "cliff", "valley"),
}
_CREATURES = {
    "forest": ("fox", "owl", "deer", "bear"),
    "sea": ("crab", "whale", "seal", "gull"),
    "farm": ("cow", "hen", "goat", "mouse"),
    "town": ("cat", "dog", "gull", "mouse"),
    "mountain": ("eagle", "wolf", "goat", "bear"),
}
_THINGS = {
    "forest": ("acorn", "mushroom", "feather", "nest"),
    "sea": ("pearl", "anchor", "net", "nest"),
    "farm": ("egg", "apple", "bucket", "coin"),
    "town": ("lantern", "cake", "letter", "coin"),
    "mountain": ("crystal", "stone", "horn", "feather"),
}
_TOOLS = ("rope", "lamp", "bag", "stick", "cup", "bell")
_USES = ("help", "feed", "guide", "calm", "warm", "carry")

MOOD, WEATHER = ("happy", "sad"), ("sunny", "rainy")
PACE, SOUND = ("quick", "slow"), ("loud", "soft")
_FEELING = {"happy": ("glad", "merry", "cheerful"), "sad": ("gloomy", "lonely", "miserable")}
_FEELS = {"happy": ("smiled", "laughed", "danced"), "sad": ("cried", "sighed", "wept")}
_GIFT = {"happy": ("hug", "present", "song"), "sad": ("frown", "scolding", "push")}
_DAY = {"happy": ("wonderful", "lovely", "perfect"), "sad": ("awful", "dreadful", "terrible")}
_SKY = {"sunny": ("bright", "blue", "clear"), "rainy": ("grey", "dark", "cloudy")}
_AIR = {"sunny": ("dry", "mild", "golden"), "rainy": ("damp", "cold", "misty")}
_ABOVE = {"sunny": ("sun", "sunshine", "sunlight"), "rainy": ("rain", "storm", "drizzle")}
_COMES = {"quick": ("quickly", "swiftly", "fast"), "slow": ("slowly", "gently", "lazily")}
_GOES = {"quick": ("ran", "rushed", "raced"), "slow": ("walked", "strolled", "wandered")}
_HOW = {"loud": ("loudly", "noisily", "wildly"), "soft": ("softly", "quietly", "silently")}
_SAYS = {"loud": ("shouted", "yelled", "roared"), "soft": ("whispered", "murmured", "mumbled")}

TOPICS = tuple(_PLACES)


def tale(noise: float = 0.1) -> Grammar:
    """Return the grammar.

    Args:
        noise: Probability that a word speaks for another value of its latent (mood, weather, pace,
            sound), and that a tool has another use. Words of topics have no noise.
    """
    latents = (
        Latent("topic", TOPICS),
        Latent("mood", MOOD),
        Latent("weather", WEATHER),
        Latent("pace", PACE),
        Latent("sound", SOUND),
    )
    slots = _slots(noise)
    return Grammar(latents, tuple(tuple(_template(slots, way) for way in ways) for ways in _SAID))


_SAID = (
    ("once there was a KIND named HERO .", "long ago a KIND named HERO lived here ."),
    ("one day SHE went to the PLACE .", "early SHE left for the PLACE ."),
    ("the sky was SKY and the air was AIR .", "there the air was AIR and the sky was SKY ."),
    ("soon SHE saw a CREATURE with a THING .", "near a THING SHE met a CREATURE ."),
    ("now SHE felt FEELING and FEELS HOW .", "so SHE FEELS HOW and felt FEELING ."),
    (
        "a friend named FRIEND came COMES and gave HER a GIFT .",
        "then FRIEND came COMES with a GIFT for HER .",
    ),
    ("they took a TOOL to USE the SAME .", "with a TOOL they could USE the SAME ."),
    ("at last AGAIN SAYS that the day was DAY .", "finally AGAIN SAYS what a DAY day it was ."),
    ("both GOES home under the ABOVE .", "under the ABOVE both GOES home ."),
)
"""The templates of each sentence. Words in capitals are places with several words."""


def _template(slots: dict[str, Slot], text: str) -> Template:
    places = ([slots[word]] if word in slots else literal(word) for word in text.split())
    return Template(tuple(slot for some in places for slot in some))


def _slots(noise: float) -> dict[str, Slot]:
    names = (*_NAMES["boy"], *_NAMES["girl"])
    of_kind = np.array([[[name in _NAMES[kind] for name in names] for kind in _NAMES]]) / 8
    others = (1 - np.eye(len(names))[None]) / (len(names) - 1)
    animals = _words(_CREATURES)
    return {
        "KIND": _even(tuple(_NAMES), "kind"),
        "HERO": Slot(names, of_kind, reads="kind", writes="hero"),
        "SHE": _same("kind", ("boy", "girl"), {"boy": "he", "girl": "she"}.__getitem__),
        "HER": _same("kind", ("boy", "girl"), {"boy": "him", "girl": "her"}.__getitem__),
        "AGAIN": _same("hero", names, str),
        "FRIEND": Slot(names, others, reads="hero"),
        "PLACE": _of_topic(_PLACES),
        "CREATURE": _of_topic(_CREATURES, "creature"),
        "THING": _of_topic(_THINGS),
        "SAME": _same("creature", animals, str),
        "TOOL": _even(_TOOLS, "tool"),
        "USE": _relation(noise),
        "FEELING": _side("mood", _FEELING, noise),
        "FEELS": _side("mood", _FEELS, noise),
        "GIFT": _side("mood", _GIFT, noise),
        "DAY": _side("mood", _DAY, noise),
        "SKY": _side("weather", _SKY, noise),
        "AIR": _side("weather", _AIR, noise),
        "ABOVE": _side("weather", _ABOVE, noise),
        "COMES": _side("pace", _COMES, noise),
        "GOES": _side("pace", _GOES, noise),
        "HOW": _side("sound", _HOW, noise),
        "SAYS": _side("sound", _SAYS, noise),
    }


def _words(by_value: _Words) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for words in by_value.values() for word in words))


def _even(words: tuple[str, ...], writes: str) -> Slot:
    return Slot(words, np.full((1, 1, len(words)), 1 / len(words)), writes=writes)


def _same(register: str, known: Sequence[str], word: Callable[[str], str]) -> Slot:
    """Return a place whose word follows from an earlier one."""
    words = tuple(dict.fromkeys(map(word, known)))
    table = np.array([[[float(word(one) == other) for other in words] for one in known]])
    return Slot(words, table, reads=register)


def _of_topic(by_topic: _Words, writes: str | None = None) -> Slot:
    """Return a place with the words of the topic, equally likely; some belong to two topics."""
    words = _words(by_topic)
    table = np.array([[[word in mine for word in words]] for mine in by_topic.values()], float)
    return Slot(words, table / table.sum(-1, keepdims=True), "topic", writes=writes)


def _relation(noise: float) -> Slot:
    """Return the place of a tool's use: the use's number is that of the tool plus the topic's."""
    count = len(_USES)
    table = np.full((len(TOPICS), count, count), noise / (count - 1))
    for topic in range(len(TOPICS)):
        for tool in range(count):
            table[topic, tool, (tool + topic) % count] = 1 - noise
    return Slot(_USES, table, "topic", reads="tool")


def _side(latent: str, by_value: _Words, noise: float) -> Slot:
    """Return a place whose word speaks for a latent's value or, by noise, for the other one."""
    words, sides = _words(by_value), np.repeat([0, 1], [len(one) for one in by_value.values()])
    right = sides == np.arange(2)[:, None]
    table = np.where(right, 1 - noise, noise) / len(words) * 2
    return Slot(words, table[:, None], latent, sides=sides)
