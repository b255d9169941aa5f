"""Levels are held out only if no ancestor of an agent was trained on their layouts."""

import pytest

from chisel import configs, models, trainers
from chisel.analysis.evaluation import evaluate
from chisel.models.loading import ancestors_of

FEW = ["eval.levels=3", "eval.num_envs=3", "env.timeout=5"]


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    runs = tmp_path_factory.mktemp("runs")

    def start(name, split, *settings):
        quick = ["frames=256", "trainer.progress=false", "trainer.threads=1", f"runs_dir={runs}"]
        settings = [*quick, f"name={name}", f"env.levels.split={split}", *settings]
        return trainers.train(configs.load("maze/smoke", settings))

    return start


@pytest.fixture(scope="module")
def on_all(train):
    return train("on-all", "all")


@pytest.fixture(scope="module")
def on_train(train):
    return train("on-train", "train")


def claim(agent, tmp_path, split="test"):
    """What an evaluation says of its levels, and its table's caption."""
    settings = [*FEW, f"eval.split={split}"]
    found = evaluate(agent, overrides=settings, out=tmp_path / "out")
    plain = found.to_plain()
    return plain["held_out"], plain["trained_on"], found.table().caption


def test_a_run_from_scratch_is_as_held_out_as_its_own_split(on_all, on_train, tmp_path):
    assert claim(on_train, tmp_path)[:2] == (True, ["train"])
    assert claim(on_train, tmp_path, "train")[:2] == (False, ["train"])
    assert claim(on_train, tmp_path, "all")[:2] == (False, ["train"])
    held_out, trained_on, caption = claim(on_all, tmp_path)
    assert (held_out, trained_on) == (False, ["all"])
    assert "may have seen" in caption


def test_what_any_ancestor_trained_on_is_not_held_out(on_all, train, tmp_path):
    child = train("child", "train", f"init_from={on_all}")
    assert claim(child, tmp_path)[:2] == (False, ["all", "train"])
    grandchild = train("grandchild", "validation", f"init_from={child}")
    agent = models.load_agent(grandchild)
    assert agent.trained_on == ("all", "train", "validation")
    shipped = models.save_agent(tmp_path / "shipped", agent)
    assert claim(shipped, tmp_path)[:2] == (False, ["all", "train", "validation"])
    assert models.load_agent(shipped).ancestors == ("all", "train")


def test_layouts_that_no_ancestor_saw_are_held_out_also_after_resuming(on_train, train, tmp_path):
    child = train("child-of-train", "validation", f"init_from={on_train}")
    trainers.resume(child, ["frames=512", "trainer.progress=false"])
    assert models.load_agent(child).env_steps == 512
    assert claim(child, tmp_path)[:2] == (True, ["train", "validation"])
    assert claim(child, tmp_path, "train")[0] is False


def test_an_ancestor_without_a_record_makes_it_unknown_never_held_out(on_train, train, tmp_path):
    child = train("another-child", "train", f"init_from={on_train}")
    (checkpoint,) = (child / "checkpoints").glob("*.ckpt")
    payload = models.read_checkpoint(checkpoint)
    del payload["chisel"]["ancestors"]  # as earlier versions saved it
    models.write_checkpoint(checkpoint, payload)
    held_out, trained_on, caption = claim(child, tmp_path)
    assert (held_out, trained_on) == (None, None)
    assert "do not say what they were trained on" in caption
    assert claim(child, tmp_path, "train")[0] is False, "its own split is known"
    heir = models.load_agent(train("heir", "train", f"init_from={child}"))
    assert heir.ancestors is None
    shipped = models.load_agent(models.save_agent(tmp_path / "shipped", heir))
    assert shipped.ancestors is None


def test_files_of_earlier_versions_have_ancestors_only_if_they_started_from_others():
    scratch = configs.load("maze/smoke")
    other = configs.load("maze/smoke", ["init_from=runs/elsewhere"])
    assert ancestors_of({}, scratch) == ()
    assert ancestors_of({}, other) is None
    assert ancestors_of({"ancestors": None}, scratch) is None
    assert ancestors_of({"ancestors": ["all"]}, other) == ("all",)
