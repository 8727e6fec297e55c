from __future__ import annotations


def test_a_page_is_written_where_it_is_said(cli, run_file, tmp_path):
    result = cli("report", run_file, "-o", "page.html", "--title", "My study", "--images", "2")
    assert result.exit_code == 0, result.output
    assert "<title>My study</title>" in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "page.html" in result.stdout


def test_errors_are_status_2_and_say_why(cli, run_file):
    for arguments, message in [
        (["nothing.h5", "-o", "page.html"], "there is no store"),
        ([run_file, "-o", "nowhere/page.html"], "cannot be written"),
        ([run_file, "-o", "page.html", "--images", "0"], "0 is not in the range"),
        ([run_file], "Missing option '-o'"),
    ]:
        result = cli("report", *arguments)
        assert result.exit_code == 2
        assert message in result.stderr
