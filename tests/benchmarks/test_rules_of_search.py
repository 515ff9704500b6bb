"""The comparisons of searches, in their short form."""

from benchmarks.rules_of_search import NO_MODEL, markdown, parts_of, play, run, scores
from ringrift.configs import Config

HEX = Config("hex8", 2)


def test_gumbel_against_puct(tmp_path):
    """Every seed has its games and its score, the last row is their sum; what is kept is not played again."""
    parts = parts_of("rules", HEX, NO_MODEL, [4], [1, 2], 4, 1.0)
    out = tmp_path / "kept.jsonl"
    out.write_text("".join(f"{line}\n" for line in ("", '{"part"')), encoding="utf-8")
    played = [play(part, None) for part in parts]
    assert {(p.part.match().a.rule, p.part.match().b.rule) for p in played} == {("gumbel", "puct")}
    one, two, total = scores(played)
    assert (one.games, two.games, total.games) == (4, 4, 8)
    assert total.wins == one.wins + two.wins
    assert f"{total.interval.low:.3f} to {total.interval.high:.3f} | 8 |" in markdown(played)
    again = sorted(run(parts, None, 1, out), key=lambda p: p.part.seed)
    assert [p.wins for p in again] == [p.wins for p in played]
    size = out.stat().st_size
    assert list(run(parts, None, 1, out)) == again
    assert out.stat().st_size == size


def test_reuse_against_none():
    """The reusing agent finds what its last tree knows of the position, and no decision of the other one does."""
    (part,) = parts_of("reuse", HEX, NO_MODEL, [16], [1], 8, 1.0)
    played = play(part, None)
    one, other = played.costs
    assert played.games == 8
    assert one.decisions > one.taken_over > 0.3 * one.decisions
    assert one.visits_found > one.taken_over
    assert (other.taken_over, other.visits_found) == (0, 0)
    assert one.evaluations <= 17 * one.decisions
    assert "taken over" in markdown([played])


def test_parts():
    """A comparison is played in whole blocks, every game once, the longest searches first."""
    parts = parts_of("rules", Config("hex8", 3), NO_MODEL, [8, 64], [1, 2, 3], 400, 1.0)
    assert [p.simulations for p in parts] == sorted((p.simulations for p in parts), reverse=True)
    for n in (8, 64):
        for seed in (1, 2, 3):
            blocks = [
                b
                for p in parts
                if (p.simulations, p.seed) == (n, seed)
                for b in range(p.first_block, p.first_block + p.blocks)
            ]
            assert blocks == list(range(133))
