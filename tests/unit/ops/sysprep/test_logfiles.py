"""What becomes of every log below /var/log, whichever service writes it."""

from __future__ import annotations

import pytest

from imgtools.change.change import Change, Remove, Truncate
from imgtools.errors import UsageError
from imgtools.ops.operation import load_shelf, make_params
from tests.support.memory import Content, Node, link
from tests.support.sysprep import guest_of, planned, words

SHELF = load_shelf("imgtools.ops.sysprep")
LOGFILES = SHELF["logfiles"]
EMPTIED = (
    "apache2/error.log",
    "apache2/access.log",
    "mysql/error.log",
    "mysql/mysql-slow.log",
    "mariadb/mariadb.log",
    "postgresql/postgresql-15-main.log",
    "redis/redis-server.log",
    "mongodb/mongod.log",
    "elasticsearch/elasticsearch_server.json",
    "rabbitmq/log/crash.log",
    "tomcat9/catalina.out",
    "letsencrypt/letsencrypt.log",
    "clamav/freshclam.log",
    "openvpn/status.log",
    "zabbix/zabbix_agentd.log",
    "gitlab/nginx/current",
    "gitlab/gitlab-rails/production.log",
    "shop/workers/mail/worker.log",
    "private/lego/renew.log",
    "audit/audit.log",
    "btmp",
    "lastlog",
    "wtmp",
    "syslog",
    "Xorg.0.log",
)
GONE = (
    "apache2/access.log.1",
    "elasticsearch/gc.log.00",
    "exim4/mainlog.2.gz",
    "gitlab/nginx/@4000000065a1b2c3d4e5f607.s",
    "journal/0123456789abcdef0123456789abcdef/system.journal",
    "messages-20250101",
    "mongodb/mongod.log.2025-01-01T00-00-00",
    "mysql/mysql-bin.000007",
    "pods/default_web_1-2/web/0.log",
    "rabbitmq/rabbit@web1.log",
    "sa/sa29",
    "tomcat9/catalina.2025-01-01.log",
    "tomcat9/localhost_access_log.2025-01-01.txt",
    "Xorg.0.log.old",
    "zypper.log-20250101.xz",
)
KEPT = ("README", "gitlab/nginx/config", "apache2/.gitkeep")


def fate(path: str, changes: list[Change]) -> str:
    """What the plan does to a file: empty, gone or kept."""
    for change in changes:
        if isinstance(change, Truncate) and change.path == path:
            return "empty"
        if isinstance(change, Remove) and (path == change.path or path.startswith(f"{change.path}/")):
            return "gone"
    return "kept"


def test_every_log_of_every_service_is_emptied_or_gone() -> None:
    files: dict[str, Content] = {f"/var/log/{name}": "text" for name in (*EMPTIED, *GONE, *KEPT)}
    changes = planned(LOGFILES, guest_of(files, hostname="web1.example.com"))
    wanted = {**dict.fromkeys(EMPTIED, "empty"), **dict.fromkeys(GONE, "gone"), **dict.fromkeys(KEPT, "kept")}
    assert {name: fate(f"/var/log/{name}", changes) for name in wanted} == wanted
    assert all(isinstance(change, (Truncate, Remove)) for change in changes)  # owner, mode and label stay


def test_nothing_is_left_to_do_after_it() -> None:
    """An empty log stays, and so does whatever is no file."""
    files: dict[str, Content] = {"/var/log/mysql/error.log": "", "/var/log/mysql/socket": Node(kind="s")}  # type: ignore[arg-type]
    assert planned(LOGFILES, guest_of(files)) == []


def test_links_to_what_goes_go_and_others_stay() -> None:
    files: dict[str, Content] = {
        "/var/log/app.1": "x",
        "/var/log/app.INFO": link("app.1"),
        "/var/log/nginx/access.log": link("/dev/stdout"),
        "/var/log/data": link("/srv"),
        "/srv/data.log": "x",
    }
    guest = guest_of(files)
    assert words(planned(LOGFILES, guest), guest) == [
        "remove /var/log/app.1 (1)",
        "remove /var/log/app.INFO (5)",
    ]


def test_a_log_is_only_the_machines_own_if_its_whole_name_is_in_it() -> None:
    files: dict[str, Content] = {"/var/log/web10.log": "x", "/var/log/mysql/web1-slow.log": "x"}
    changes = planned(LOGFILES, guest_of(files, hostname="web1"))
    assert fate("/var/log/web10.log", changes) == "empty"
    assert fate("/var/log/mysql/web1-slow.log", changes) == "gone"


@pytest.mark.parametrize("name", ["port-8080.log", "id-20251399.log", "v2.log", "120250101.log"])
def test_a_number_is_no_date(name: str) -> None:
    assert fate(f"/var/log/{name}", planned(LOGFILES, guest_of({f"/var/log/{name}": "x"}))) == "empty"


def test_applications_may_be_elsewhere() -> None:
    one = SHELF["application-logs"]
    guest = guest_of({"/data/shop/error.log": "x", "/srv/other.log": "x", "/data/shop/error.log-old": "x"})
    params = make_params(one, {"folders": "/data,/nowhere"})
    changes = list(one.operation.plan(guest, params))
    assert words(changes, guest) == ["empty /data/shop/error.log (1)", "remove /data/shop/error.log-old (1)"]
    for wrong in ("data", "/", "/data/.."):
        with pytest.raises(UsageError, match="not a folder"):
            make_params(one, {"folders": wrong})


def test_the_data_of_databases_is_no_log() -> None:
    names = ("/opt/db/000042.log", "/opt/db/CURRENT", "/opt/a.logic", "/opt/a.log.settings")
    assert planned(SHELF["application-logs"], guest_of(dict.fromkeys(names, "data"))) == []
