"""Training has the same bits whether its levels are generated, kept, or kept and damaged."""

from chisel import configs, trainers
from chisel.envs import cache
from tests.system.conftest import SMOKE, identical


def test_a_cold_a_warm_and_a_damaged_cache_give_the_same_run(tmp_path, monkeypatch, capsys):
    settings = [*SMOKE[1:], "frames=512", "tracking.mode=disabled", f"runs_dir={tmp_path}/runs"]

    def trained(name):
        return trainers.train(configs.load(SMOKE[0], [*settings, f"name={name}"]))

    without = trained("without")
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "kept"))
    monkeypatch.setattr(cache, "WORTH_KEEPING", 0.0)
    cold = trained("cold")
    (entry,) = cache.entries()
    written = entry.path.read_bytes()
    warm = trained("warm")
    assert entry.path.read_bytes() == written
    entry.path.write_bytes(written[: len(written) // 2])
    damaged = trained("damaged")
    assert "is not used, but made anew" in capsys.readouterr().err
    assert len(cache.entries()) == 1
    assert all(identical(without, one) for one in (cold, warm, damaged))
