from __future__ import annotations

import shapebias


def test_the_table_and_the_page_rank_the_models_alike(cli, tmp_path):
    models = {f"shape {share}": f"planted:reliance={share}" for share in (0.1, 0.9)}
    with shapebias.run(shapebias.Study("stimuli:cue=conflict,images=56,size=32", models), tmp_path / "run.h5") as found:
        table = found.metric("leaderboard")
    result = cli("leaderboard", "run.h5", "--report", "board.html")
    assert result.exit_code == 0, result.output
    assert result.stdout.index("shape 0.9") < result.stdout.index("shape 0.1")
    page = (tmp_path / "board.html").read_text(encoding="utf-8")
    head = page[page.index('id="profile"') : page.index("</table>")]
    assert head.index("shape 0.9") < head.index("shape 0.1")
    for value in table["value"]:
        assert f"{value:.3f} [" in head
        assert f"{value:.3f} [" in result.stdout
    assert "<title>Leaderboard</title>" in page
