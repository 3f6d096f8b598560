"""One run of one site, with real git and a real server."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from publisher import release
from publisher.git import MIB, RefusedError
from publisher.processes import StoppedError
from publisher.publish import publish

from tests.unit.images.publisher.support import Box, Remote, Server, silent_server


def refusal(box: Box, **fields: Any) -> str:
    with pytest.raises(RefusedError) as refused:
        box.publish(**fields)
    return str(refused.value)


def test_a_branch_is_published_and_a_push_replaces_it(
    box: Box, remote: Remote, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    first = box.publish(fetch=remote.url)
    assert box.served() == {"index.html": "one"}
    second = remote.push({"index.html": "two", "more/page.html": "new"})
    status = box.publish(fetch=remote.url)
    assert box.served() == {"index.html": "two", "more/page.html": "new"}
    assert (status.commit, status.size) == (second, 6)
    assert f"blog: published {second[:12]} (was {first.commit[:12]}) in " in caplog.messages[-1]


def test_an_unchanged_commit_is_left_alone(box: Box, server: Server, remote: Remote) -> None:
    box.publish(fetch=remote.url)
    releases, file = box.releases(), box.paths.status("blog")
    os.utime(file, (1, 1))
    server.requests.clear()
    box.publish(fetch=remote.url)
    assert box.releases() == releases
    assert file.stat().st_mtime > 1, "a success is dated"
    assert len(server.requests) == 2, "it is asked for its refs alone"


NOT_OURS = "the site's content no longer comes from git, so nothing is published"


def taken_over(box: Box) -> None:
    """As the program does where a site's content comes from a folder of its repository by now."""
    blog = box.paths.site("blog")
    box.switch(blog, {"index.html": "a folder's"})
    (blog / "written-by").write_text("volume-files\n")


def test_a_site_that_somebody_else_writes_by_now_is_left_alone(
    box: Box, server: Server, remote: Remote
) -> None:
    box.publish(fetch=remote.url)
    taken_over(box)
    releases = box.releases()
    server.requests.clear()
    assert refusal(box, fetch=remote.url) == NOT_OURS
    assert box.served() == {"index.html": "a folder's"}
    assert box.releases() == releases, "what is being written there isn't swept away"
    assert server.requests == []


def test_a_site_that_is_taken_over_during_a_run_is_not_switched(
    box: Box, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.publish(fetch=remote.url)
    remote.push({"index.html": "two"})
    write = release.write

    def meanwhile(*given: Any) -> Any:
        taken_over(box)
        return write(*given)

    monkeypatch.setattr(release, "write", meanwhile)
    assert refusal(box, fetch=remote.url) == NOT_OURS
    assert box.served() == {"index.html": "a folder's"}
    assert len(box.releases()) == 2, "the one that nobody saw is gone"


def test_a_site_that_follows_git_again_keeps_what_it_had_until_its_release_is_complete(
    box: Box, remote: Remote
) -> None:
    taken_over(box)
    (box.paths.site("blog") / "written-by").write_text("publisher\n")
    remote.push({"index.html": "x" * 2 * MIB})
    refusal(box, fetch=remote.url, mib=1)
    assert box.served() == {"index.html": "a folder's"}
    remote.push({"index.html": "two"})
    box.publish(fetch=remote.url)
    assert box.served() == {"index.html": "two"}


@pytest.mark.parametrize("changed", [{"directory": "sub"}, {"as_": "new"}])
def test_the_same_commit_is_published_anew_where_its_folders_change(
    box: Box, remote: Remote, changed: dict[str, str]
) -> None:
    remote.push({"sub/index.html": "one"})
    box.publish(fetch=remote.url)
    box.publish(fetch=remote.url, **changed)
    assert box.served() == (
        {"index.html": "one"} if "directory" in changed else {"new/sub/index.html": "one"}
    )


def test_a_folder_of_the_repository_at_a_folder_of_the_site(box: Box, remote: Remote) -> None:
    remote.push({"design/design/index.html": "one", "README": "for developers"})
    box.publish(fetch=remote.url, directory="design/design", as_="new/er")
    assert box.served() == {"new/er/index.html": "one"}


def test_every_kind_of_ref(box: Box, remote: Remote) -> None:
    first = remote.head
    remote.git("tag", "light")
    remote.git("tag", "-a", "v1", "-m", "annotated")
    remote.push({"index.html": "old"}, "old")
    remote.git("checkout", "--quiet", "main")
    remote.push({"index.html": "two"})
    expected = {"light": "one", "v1": "one"}
    for tag, text in expected.items():
        box.publish(tag, fetch=remote.url, ref={"tag": tag})
        assert box.served(tag) == {"index.html": text}
        releases = box.releases(tag)
        box.publish(tag, fetch=remote.url, ref={"tag": tag})
        assert box.releases(tag) == releases, "unchanged"
    box.publish("branch", fetch=remote.url, ref={"branch": "old"})
    box.publish("default", fetch=remote.url, ref=None)
    box.publish("commit", fetch=remote.url, ref={"commit": first})
    assert box.served("branch") == {"index.html": "old"}
    assert box.served("default") == {"index.html": "two"}
    assert box.served("commit") == {"index.html": "one"}


def test_a_published_commit_asks_nobody(box: Box, server: Server, remote: Remote) -> None:
    ref = {"commit": remote.head}
    box.publish(fetch=remote.url, ref=ref)
    server.requests.clear()
    box.publish(fetch=remote.url, ref=ref)
    assert server.requests == []


def test_two_sites_of_one_repository(box: Box, remote: Remote) -> None:
    remote.push({"index.html": "old"}, "old")
    box.publish("portfolio", fetch=remote.url, ref={"branch": "old"})
    box.publish("portfolio_new", fetch=remote.url, as_="new")
    assert box.served("portfolio") == {"index.html": "old"}
    assert box.served("portfolio_new") == {"new/index.html": "one"}


def test_a_forced_push_is_followed(box: Box, remote: Remote) -> None:
    remote.push({"index.html": "two"})
    box.publish(fetch=remote.url)
    (remote.folder / "index.html").write_text("forced")
    remote.git("add", "--all")
    remote.commit(force=True)
    box.publish(fetch=remote.url)
    assert box.served() == {"index.html": "forced"}


def test_many_pushes_keep_two_releases_and_few_packs(
    box: Box, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("publisher.publish._MOST_PACKS", 3)
    for number in range(5):
        remote.push({"index.html": str(number)})
        box.publish(fetch=remote.url)
    assert len(box.releases()) == 2
    assert box.served() == {"index.html": "4"}
    packs = list(box.paths.repository("blog").glob("objects/pack/*.pack"))
    assert len(packs) == 2


def test_a_change_fetches_what_changed_alone(box: Box, remote: Remote) -> None:
    noise = os.urandom(500_000).hex()
    remote.push({"noise": noise, "index.html": "one"})
    box.publish(fetch=remote.url)
    remote.push({"noise": noise, "index.html": "two"})
    box.publish(fetch=remote.url)
    packs = box.paths.repository("blog").glob("objects/pack/*.pack")
    sizes = sorted(pack.stat().st_size for pack in packs)
    assert len(sizes) == 2
    assert sizes[0] < 10_000


def test_the_old_release_is_complete_while_it_is_read(box: Box, remote: Remote) -> None:
    """Whoever opens pages at any moment sees one version of both, and never none."""
    remote.push({"a": "0", "b": "0"})
    box.publish(fetch=remote.url)
    seen: list[tuple[str, str]] = []
    failures: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        current = box.paths.site("blog") / "current"
        while not done.is_set():
            try:
                release = current.resolve()
                seen.append(((release / "a").read_text(), (release / "b").read_text()))
                (current / "a").read_text()
            except BaseException as error:  # noqa: BLE001 - shown below
                failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 6):
        remote.push({"a": str(number), "b": str(number)})
        box.publish(fetch=remote.url)
    done.set()
    reader.join()
    assert failures == []
    assert all(a == b for a, b in seen)
    assert {a for a, _ in seen} >= {"0", "4"}


READER = """
import os, sys
reads = 0
while os.read(0, 1) == b"." and reads < 10**7:
    for _ in range(50):
        os.stat(sys.argv[1])
        reads += 1
print(reads)
"""


def test_there_is_no_moment_without_a_release(box: Box) -> None:
    """Another process looks without a pause while the link is switched thousands of times."""
    folder = box.root / "site"
    for name in ("one", "two"):
        (folder / "releases" / name).mkdir(parents=True)
        (folder / "releases" / name / "page").touch()
    release.switch(folder, "one")
    with subprocess.Popen(
        [sys.executable, "-c", READER, folder / "current/page"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as reader:
        assert reader.stdin
        for number in range(3000):
            release.switch(folder, ("one", "two")[number % 2])
            reader.stdin.write(b".")
            reader.stdin.flush()
        reads, problem = reader.communicate()
    assert problem == b""
    assert int(reads) == 150_000


def test_what_visitors_get_can_be_read_by_every_user(box: Box, remote: Remote) -> None:
    umask = os.umask(0o022)
    try:
        box.publish(fetch=remote.url, as_="new")
    finally:
        os.umask(umask)
    current = box.paths.site("blog") / "current"
    assert (current / "new").stat().st_mode & 0o777 == 0o755
    assert (current / "new/index.html").stat().st_mode & 0o777 == 0o644
    assert box.paths.repository("blog").stat().st_mode & 0o777 == 0o700


def test_links_that_leave_are_left_out(
    box: Box, remote: Remote, caplog: pytest.LogCaptureFixture
) -> None:
    remote.push(
        {
            "public/x/y/z/page": "deep",
            "public/inside": "-> x/y",
            "public/x/up": "-> ../x/y/z/page",
            "public/dangling": "-> not/there",
            "public/loop": "-> loop",
            "public/passwd": "-> /etc/passwd",
            "public/up": "-> ../../../../../../../etc/passwd",
            "public/folder": "-> x/y/z",
            "public/through": "-> folder/../../../../secret",
            "public/level": "-> ../secret",
            "public/absolute": f"-> {box.paths.site('blog')}/current/x/y",
            "public/second": "-> passwd",
            "secret": "not published",
        }
    )
    box.publish(fetch=remote.url, directory="public")
    assert box.served() == {
        "x/y/z/page": "deep",
        "x/up": "-> ../x/y/z/page",
        "inside": "-> x/y",
        "folder": "-> x/y/z",
        "dangling": "-> not/there",
        "loop": "-> loop",
    }
    left_out = {message.split("'")[1] for message in caplog.messages if "left out" in message}
    assert left_out == {"passwd", "up", "through", "level", "absolute", "second"}


def test_a_link_that_seems_to_stay_by_its_text_alone_is_left_out(box: Box, remote: Remote) -> None:
    """`folder/../secret` is beside `folder` by its text, but above `a`, where `folder` leads."""
    remote.push(
        {"public/a/page": "x", "public/folder": "-> .", "public/out": "-> folder/../secret"}
    )
    box.publish(fetch=remote.url, directory="public")
    assert "out" not in box.served()


def test_submodules_are_left_out(box: Box, remote: Remote) -> None:
    commit = remote.head
    remote.git("update-index", "--add", "--cacheinfo", f"160000,{commit},theirs")
    remote.commit()
    box.publish(fetch=remote.url)
    assert box.served() == {"index.html": "one"}
    assert not (box.paths.site("blog") / "current/theirs").exists()


@pytest.mark.parametrize("name", [".git", ".GIT", "..", ".", "git~1"])
def test_forbidden_names_are_left_out(box: Box, remote: Remote, name: str) -> None:
    """Git itself makes no such tree; a hostile server has one."""
    blob = remote.git("hash-object", "-w", "--stdin", given=b"[core]")
    inner = remote.git("mktree", given=f"100644 blob {blob}\tconfig\n".encode())
    page = bytes.fromhex(remote.git("rev-parse", "HEAD:index.html"))
    tree = remote.git(
        *("hash-object", "-t", "tree", "-w", "--literally", "--stdin"),
        given=b"40000 %s\0%s" % (name.encode(), bytes.fromhex(inner)) + b"100644 p\0" + page,
    )
    remote.git("update-ref", "refs/heads/main", remote.git("commit-tree", "-m", "x", tree))
    box.publish(fetch=remote.url, as_="deep/er")
    assert box.served() == {"deep/er/p": "one"}


def test_a_pack_over_the_limit_ends_the_fetch(box: Box, remote: Remote) -> None:
    box.publish(fetch=remote.url)
    remote.push({"noise": os.urandom(5 * MIB // 4).hex()})
    said = refusal(box, fetch=remote.url, mib=1)
    assert said == "the repository is larger than 1 MiB, the limit in sources.limits.mib"
    assert box.served() == {"index.html": "one"}
    assert not box.paths.repository("blog").exists(), "what was fetched in vain takes no space"
    box.publish(fetch=remote.url, mib=8)
    assert set(box.served()) == {"noise"}


def test_files_over_the_limit_aren_t_written(box: Box, remote: Remote) -> None:
    """They compress so well that they come through."""
    remote.push({"zeros": "0" * 3 * MIB, "more": "0" * MIB})
    assert refusal(box, fetch=remote.url, mib=3) == (
        "the published files have 4.0 MiB, more than 3, the limit in sources.limits.mib"
    )
    assert box.releases() == []


def test_more_files_than_allowed_are_refused(box: Box, remote: Remote) -> None:
    remote.push({str(number): "" for number in range(11)})
    assert refusal(box, fetch=remote.url, files=10) == (
        "the published folder has more than 10 files, the limit in sources.limits.files"
    )
    box.publish(fetch=remote.url, files=11)
    assert len(box.served()) == 11


def test_a_tiny_repository_with_endless_files_is_refused(box: Box, remote: Remote) -> None:
    """Each folder holds the one before ten times: ten to the power of nine files, 20 objects."""
    inner = remote.git("hash-object", "-w", "--stdin", given=b"")
    kind = "100644 blob"
    for _ in range(9):
        lines = "".join(f"{kind} {inner}\t{number}\n" for number in range(10))
        inner, kind = remote.git("mktree", given=lines.encode()), "040000 tree"
    remote.git("update-ref", "refs/heads/main", remote.git("commit-tree", "-m", "bomb", inner))
    assert "more than 1000 files" in refusal(box, fetch=remote.url)


def test_a_folder_that_isn_t_there(box: Box, remote: Remote) -> None:
    assert refusal(box, fetch=remote.url, directory="not/there") == (
        "the repository has no folder not/there"
    )
    assert refusal(box, fetch=remote.url, directory="index.html") == (
        "the repository has no folder index.html"
    )


def test_a_folder_that_is_a_link_is_followed_inside_the_repository(
    box: Box, remote: Remote
) -> None:
    remote.push(
        {
            "build/html/index.html": "one",
            "build/html/up": "-> ../../secret",
            "public": "-> build",
            "www": "-> public/html",
            "out": "-> ../elsewhere",
            "loop": "-> loop",
            "gone": "-> not/there",
            "page": "-> build/html/index.html",
            "secret": "not published",
        }
    )
    for directory in ("www", "public/html"):
        box.publish(fetch=remote.url, directory=directory)
        assert box.served() == {"index.html": "one"}
    assert refusal(box, fetch=remote.url, directory="out") == (
        "the folder out is a link that leads out of the repository"
    )
    for directory in ("loop", "gone", "page", "www/not"):
        assert refusal(box, fetch=remote.url, directory=directory) == (
            f"the repository has no folder {directory}"
        )


ATTRIBUTES = """\
* text=auto eol=crlf ident filter=lfs
utf16 working-tree-encoding=UTF-16LE
unix eol=lf
"""
AS_COMMITTED = {"page": b"one\n$Id$\n", "utf16": "ü\n".encode(), "unix": b"a\r\nb\n"}


def test_what_is_published_are_the_bytes_that_were_committed(box: Box, remote: Remote) -> None:
    """Whatever the repository says of its files for those who work on them."""
    remote.push({"index.html": "old"})
    box.publish("before", fetch=remote.url)
    attributes = remote.folder / ".git/info/attributes"
    attributes.write_text("* -text -ident -filter -working-tree-encoding\n")
    (remote.folder / ".gitattributes").write_text(ATTRIBUTES)
    for name, content in AS_COMMITTED.items():
        (remote.folder / name).write_bytes(content)
    remote.git("add", "--all")
    remote.commit()
    # A repository that an earlier version of the service made is treated alike.
    (box.paths.repository("before") / "info/attributes").unlink()
    for name in ("blog", "before"):
        box.publish(name, fetch=remote.url)
        current = box.paths.site(name) / "current"
        assert {each: (current / each).read_bytes() for each in AS_COMMITTED} == AS_COMMITTED


def test_a_repository_of_sha_256(box: Box, server: Server) -> None:
    remote = server.repository("owner/pages", "sha256")
    remote.push({"index.html": "one"})
    box.publish(fetch=remote.url, ref=None)
    assert box.served() == {"index.html": "one"}
    second = remote.push({"index.html": "two"})
    assert box.publish(fetch=remote.url).commit == second
    box.publish("fixed", fetch=remote.url, ref={"commit": second})
    assert (len(second), box.served("fixed")) == (64, {"index.html": "two"})


def test_what_isn_t_there_is_said(box: Box, server: Server, remote: Remote) -> None:
    assert refusal(box, fetch=remote.url, ref={"tag": "v9"}) == "the repository has no tag v9"
    remote.git("branch", "old")
    remote.git("tag", "-a", "v1", "-m", "annotated")
    assert refusal(box, fetch=remote.url, ref={"branch": "gone"}) == (
        "the repository has no branch gone; its branches are main, old"
    )
    assert refusal(box, fetch=remote.url, ref={"tag": "v9"}) == (
        "the repository has no tag v9; its tags are v1"
    )
    more = "".join(f"create refs/heads/a{number} {remote.head}\n" for number in range(10))
    remote.git("symbolic-ref", "HEAD", "refs/heads/master")
    assert refusal(box, fetch=remote.url, ref=None) == (
        "the repository's HEAD names a branch that doesn't exist; its branches are main, old"
    )
    remote.git("update-ref", "--stdin", given=more.encode())
    assert refusal(box, fetch=remote.url, ref=None).endswith("a8, a9, …")
    assert refusal(box, fetch=f"{server.url}/owner/gone") == (
        "the repository doesn't exist or isn't public (404)"
    )
    assert refusal(box, fetch="http://127.0.0.1:1/owner/pages") == ("the server can't be reached")
    empty = server.repository("owner/empty")
    assert refusal(box, fetch=empty.url, ref=None) == "the repository is empty"


def test_a_repository_that_was_deleted_keeps_its_pages(
    box: Box, server: Server, remote: Remote
) -> None:
    box.publish(fetch=remote.url)
    remote.folder.rename(server.root / "elsewhere")
    assert "404" in refusal(box, fetch=remote.url)
    assert box.served() == {"index.html": "one"}


def test_a_server_that_says_nothing_is_given_up(box: Box) -> None:
    with silent_server() as (url, _):
        assert refusal(box, fetch=url, silence=1) == "the server sent nothing for 1 seconds"


def test_a_run_that_takes_too_long_is_ended(box: Box) -> None:
    with silent_server() as (url, _):
        assert refusal(box, fetch=url, seconds=1) == (
            "the run took more than 1 seconds, the limit in sources.limits.seconds"
        )
    assert running(url) == []


def running(words: str) -> list[str]:
    """The command lines of living processes that have these words."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_text().replace("\0", " ")
        except OSError:
            continue
        if words in line:
            found.append(line)
    return found


def test_stop_ends_what_runs_and_lets_nothing_start(box: Box) -> None:
    with silent_server() as (url, connected):
        raised: list[BaseException] = []

        def run() -> None:
            try:
                box.publish(fetch=url)
            except BaseException as error:  # noqa: BLE001 - compared below
                raised.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        assert connected.wait(10)
        box.processes.stop()
        thread.join(10)
        assert [type(error) for error in raised] == [StoppedError]
        assert running(url) == []
        with pytest.raises(StoppedError):
            box.publish(fetch=url)


def test_a_run_that_was_killed_matters_to_none(box: Box, remote: Remote) -> None:
    """A killed run leaves locks, half a pack, half a release and a link that isn't in place."""
    box.publish(fetch=remote.url)
    repository, site = box.paths.repository("blog"), box.paths.site("blog")
    for name in (
        "unfinished",
        "shallow.lock",
        "HEAD.lock",
        "objects/pack/tmp_pack_x",
        "index.lock",
    ):
        (repository / name).write_text("half")
    (site / "releases/.half").mkdir()
    (site / "releases/.half/index.html").write_text("half")
    (site / ".current").symlink_to("releases/.half")
    before = box.releases()
    remote.push({"index.html": "two"})
    box.publish(fetch=remote.url)
    assert box.served() == {"index.html": "two"}
    assert ".half" in before
    assert len(box.releases()) == 2
    assert ".half" not in box.releases()


def test_a_damaged_repository_heals(box: Box, remote: Remote) -> None:
    box.publish(fetch=remote.url)
    (box.paths.repository("blog") / "config").write_text("[broken")
    remote.push({"index.html": "two"})
    refusal(box, fetch=remote.url)
    box.publish(fetch=remote.url)
    assert box.served() == {"index.html": "two"}


def test_lost_pages_come_back(box: Box, remote: Remote) -> None:
    box.publish(fetch=remote.url)
    (box.paths.site("blog") / "current").unlink()
    box.publish(fetch=remote.url)
    assert box.served() == {"index.html": "one"}


@pytest.fixture
def small_disk(box: Box) -> Path:
    state = box.paths.state
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", state], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small disk needs root")
    return state


def test_a_full_disk_keeps_the_pages_and_is_got_over(
    box: Box, remote: Remote, small_disk: Path
) -> None:
    try:
        box.publish(fetch=remote.url)
        remote.push({"index.html": "two", "noise": os.urandom(3 * MIB // 4).hex()})
        filler = small_disk / "filler"
        filler.write_bytes(b"x" * 3 * MIB)
        assert refusal(box, fetch=remote.url) == "the host's disk is full"
        assert box.served() == {"index.html": "one"}
        assert len(box.releases()) == 1
        filler.unlink()
        box.publish(fetch=remote.url)
        assert box.served()["index.html"] == "two"
    finally:
        subprocess.run(["umount", small_disk], check=True)


@pytest.mark.parametrize("kind", ["ext::sh -c id", "/etc", "file:///etc", "git://127.0.0.1/x"])
def test_other_transports_are_off(box: Box, remote: Remote, kind: str) -> None:
    """sources.json can't name them; a redirect or git's own settings can't either."""
    git = box.git(fetch=remote.url)
    box.paths.temporary.mkdir(parents=True)
    with pytest.raises(RefusedError, match=r"transport '.*' not allowed"):
        git.run("ls-remote", kind)


def test_the_run_s_time_counts_from_its_start(box: Box, remote: Remote) -> None:
    git = box.git(fetch=remote.url, seconds=1)
    time.sleep(1.1)
    with pytest.raises(RefusedError, match="more than 1 seconds"):
        publish(git)
