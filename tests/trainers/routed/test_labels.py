"""Labels are filled back over the steps of their episodes, and made imperfect as asked."""

import numpy as np
import pytest
import torch

from chisel.configs import ConfigError, LabelsConfig
from chisel.trainers.routed.labels import UNFINISHED, UNKNOWN, EpisodeLabeler


def labeler(num_envs=4, seed=0, **options):
    options = LabelsConfig(source="maze-goal", **options)
    return EpisodeLabeler(options, num_envs=num_envs, generator=np.random.default_rng(seed))


def ends(rows, outcomes, num_envs=4):
    ended = np.zeros(num_envs, bool)
    ended[rows] = True
    facts = np.zeros(num_envs, int)
    facts[rows] = outcomes
    return {"episode": {"outcome": facts}, "_episode": ended}


def test_a_label_covers_all_steps_of_its_episode_in_the_rollout_and_no_other():
    labels = labeler()
    labels.begin()
    labels.note(1, ends([0, 2], [1, 2]))
    labels.note(2, {})
    labels.note(3, ends([0, 1], [2, 0]))
    expected = torch.full((6, 4), UNFINISHED)
    expected[:2, 0], expected[2:4, 0] = 0, 1
    expected[:4, 1] = UNKNOWN  # a time-out has no label
    expected[:2, 2] = 1
    assert torch.equal(labels.column(6, 4), expected)


def test_a_time_out_is_known_as_such_where_the_source_says_how_episodes_end():
    labels = EpisodeLabeler(
        LabelsConfig(source="maze-end"), num_envs=4, generator=np.random.default_rng(0)
    )
    labels.begin()
    labels.note(0, ends([0, 1, 2], [0, 1, 2]))
    assert labels.names == ("cheese", "corner", "nothing")
    assert labels.column(1, 4)[0].tolist() == [2, 0, 1, UNFINISHED]


def test_an_episode_from_the_last_rollout_is_labelled_from_this_rollouts_first_step():
    labels = labeler()
    labels.begin()
    assert (labels.column(5, 4) == UNFINISHED).all()
    labels.begin()
    labels.note(2, ends([3], [1]))
    assert labels.column(5, 4)[:, 3].tolist() == [0, 0, 0, UNFINISHED, UNFINISHED]


def many(labels, outcomes):
    """The labels given to one episode after another of every environment."""
    given = []
    for outcome in outcomes:
        labels.begin()
        labels.note(0, ends(np.arange(4), outcome))
        given.append(labels.column(1, 4)[0].numpy())
    return np.array(given)


def test_share_recall_and_precision_come_out_as_asked():
    truth = np.random.default_rng(1).integers(1, 3, (4000, 4))
    given = many(labeler(share=0.5, recall={"corner": 0.4}, precision=0.9), truth)
    known = given >= 0
    cheese, corner = truth == 1, truth == 2
    assert known[cheese].mean() == pytest.approx(0.5, abs=0.02)
    assert known[corner].mean() == pytest.approx(0.2, abs=0.02)
    assert (given[known] == truth[known] - 1).mean() == pytest.approx(0.9, abs=0.02)


def test_correlation_leaves_the_share_alone_and_makes_long_runs():
    truth = np.ones((6000, 4), int)
    alone, together = (many(labeler(share=0.5, correlation=c), truth) >= 0 for c in (0.0, 0.9))
    assert together.mean() == pytest.approx(0.5, abs=0.05)
    repeats = [(known[1:] == known[:-1]).mean() for known in (alone, together)]
    assert repeats[0] == pytest.approx(0.5, abs=0.02)
    assert repeats[1] == pytest.approx(0.95, abs=0.02)


def test_a_label_that_comes_after_the_rollout_is_never_known():
    labels = labeler(delay=3)
    labels.begin()
    labels.note(1, ends([0], [1]))
    labels.note(2, ends([1], [1]))
    column = labels.column(5, 4)
    assert column[:2, 0].tolist() == [0, 0]
    assert (column[:3, 1] == UNKNOWN).all()


def test_shuffled_labels_keep_their_numbers_and_lose_their_episodes():
    truth = np.random.default_rng(2).integers(0, 3, (300, 4))
    given = []
    labels = labeler(shuffled=True)
    labels.begin()
    for t, outcome in enumerate(truth):
        labels.note(t, ends(np.arange(4), outcome))
    given = labels.column(300, 4).numpy()
    assert sorted(given.ravel()) == sorted(truth.ravel() - 1)
    both = (given >= 0) & (truth > 0)
    assert (given[both] == truth[both] - 1).mean() == pytest.approx(0.5, abs=0.06)
    assert ((given < 0) == (truth == 0)).all()


def test_a_restored_labeler_makes_the_same_draws():
    options = {"share": 0.5, "precision": 0.7, "correlation": 0.5}
    truth = np.random.default_rng(3).integers(1, 3, (50, 4))
    one, two = labeler(**options), labeler(seed=9, **options)
    many(one, truth)
    two.set_state(one.get_state())
    assert (many(one, truth) == many(two, truth)).all()


def test_an_unknown_label_in_recall_is_refused():
    with pytest.raises(ConfigError, match=r"recall: no label 'chese'; did you mean 'cheese'"):
        labeler(recall={"chese": 0.5})


def test_a_source_that_reads_what_the_environment_lacks_is_named():
    labels = labeler()
    with pytest.raises(ConfigError, match=r"reads 'outcome'"):
        labels.note(0, {"episode": {"r": np.zeros(4)}, "_episode": np.ones(4, bool)})


def steps_labeler(source, **options):
    options = LabelsConfig(source=source, **options)
    return EpisodeLabeler(options, num_envs=2, generator=np.random.default_rng(0))


def play(labels, disturbs, ended):
    """Note the steps of a rollout: which disturb, and which end an episode, both `[T, 2]`."""
    labels.begin()
    for t, (found, ends) in enumerate(zip(disturbs, ended, strict=True)):
        infos = {"disturbs": np.array(found, bool)}
        if any(ends):
            infos |= {"episode": {}, "_episode": np.array(ends, bool)}
        labels.note(t, infos)
    return labels.column(len(disturbs), 2).T.tolist()


class TestLabelsOfSteps:
    DISTURBS = ((0, 0), (1, 0), (0, 1), (0, 0), (1, 0), (0, 0))
    ENDED = ((0, 0), (0, 0), (1, 0), (0, 0), (0, 0), (1, 0))

    def test_each_step_has_its_own_once_its_episode_has_ended(self):
        found = play(steps_labeler("disturbing-step"), self.DISTURBS, self.ENDED)
        assert found == [[0, 1, 0, 0, 1, 0], [UNFINISHED] * 6]

    def test_a_way_is_labelled_by_what_lies_ahead_on_it(self):
        found = play(steps_labeler("disturbing-way"), self.DISTURBS, self.ENDED)
        assert found[0] == [1, 1, 0, 1, 1, 0]

    def test_an_episode_from_the_last_rollout_has_only_the_steps_of_this_one(self):
        labels = steps_labeler("disturbing-way")
        play(labels, ((1, 1),), ((0, 0),))
        assert play(labels, ((0, 0), (0, 1)), ((0, 0), (1, 1))) == [[0, 0], [1, 1]]

    def test_all_steps_of_an_episode_are_known_or_none(self):
        rng, labels = np.random.default_rng(1), steps_labeler("disturbing-step", share=0.25)
        known = []
        for _ in range(2000):
            disturbs = rng.integers(0, 2, (4, 2))
            found = np.array(play(labels, disturbs, ((0, 0), (0, 0), (0, 0), (1, 1))))
            for row, truth in zip(found, disturbs.T, strict=True):
                known.append((row != UNKNOWN).all())
                assert row.tolist() in (truth.tolist(), [UNKNOWN] * 4)
        assert np.mean(known) == pytest.approx(0.25, abs=0.02)

    def test_shuffled_labels_keep_their_number(self):
        labels = steps_labeler("disturbing-step", shuffled=True)
        ended = (*((0, 0),) * 49, (1, 1))
        disturbs = np.random.default_rng(2).integers(0, 2, (50, 2))
        found = np.array(play(labels, disturbs, ended))
        assert found.sum() == disturbs.sum()
        assert (found != disturbs.T).any()

    def test_a_world_that_does_not_say_so_is_refused(self):
        labels = steps_labeler("disturbing-step")
        with pytest.raises(ConfigError, match="reads 'disturbs', which this environment"):
            labels.note(0, {})
