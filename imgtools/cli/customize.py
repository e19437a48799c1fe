"""imgtools customize."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from imgtools.cli._plan import show_plan
from imgtools.cli.command import Output, Source, Target, ask_secret

if TYPE_CHECKING:
    from imgtools.ops.orders import Named

EXAMPLES = (
    "imgtools customize disk.qcow2 --hostname web1",
    "imgtools customize disk.qcow2 --password root:file:secret.txt --ssh-inject root:file:key.pub --write",
    "imgtools customize disk.qcow2 --upload site.conf:/etc/nginx/ --service nginx:on --output new.qcow2",
)
NOTES = """
Everything asked for is one transaction. The orders are carried out in the order of the options as listed above,
and each option's values in the order in which they are given; passwords come last. An order that cannot be carried
out is an error, and nothing is written. `--run-command` boots the libguestfs appliance; nothing else does, where
the guest is on ext4.
"""


def _list(name: str, metavar: str, text: str) -> Any:  # Any: typer's own type
    return typer.Option(name, metavar=metavar, help=text)


Hostname = Annotated[str, _list("--hostname", "NAME", "Set the host name.")]
Timezone = Annotated[str, _list("--timezone", "ZONE", "Set the time zone.")]
Mkdir = Annotated[list[str] | None, _list("--mkdir", "PATH", "Make a directory.")]
Upload = Annotated[
    list[str] | None, _list("--upload", "HOSTFILE:PATH", "Copy a file of the host into the guest.")
]
WriteFile = Annotated[list[str] | None, _list("--write-file", "PATH:CONTENT", "Write a file.")]
AppendLine = Annotated[list[str] | None, _list("--append-line", "PATH:LINE", "Append a line to a file.")]
Edit = Annotated[list[str] | None, _list("--edit", "PATH:EXPR", "Edit a file: s/old/new/flags.")]
Truncate = Annotated[list[str] | None, _list("--truncate", "PATH", "Empty a file.")]
Move = Annotated[list[str] | None, _list("--move", "PATH:NEWPATH", "Rename a file.")]
Link = Annotated[list[str] | None, _list("--link", "TARGET:LINK", "Make a symbolic link.")]
Delete = Annotated[list[str] | None, _list("--delete", "PATTERN", "Delete files and directories.")]
Chmod = Annotated[list[str] | None, _list("--chmod", "MODE:PATH", "Set permissions.")]
SshInject = Annotated[
    list[str] | None,
    _list("--ssh-inject", "USER:KEY", "Add a public key: USER:file:PATH or USER:string:KEY."),
]
Service = Annotated[list[str] | None, _list("--service", "NAME:on|off", "Enable or disable a service.")]
FirstbootCommand = Annotated[
    list[str] | None, _list("--firstboot-command", "COMMAND", "Run a command at the first boot, once.")
]
RunCommand = Annotated[
    list[str] | None, _list("--run-command", "COMMAND", "Run a command in the guest's tree, now.")
]
Password = Annotated[
    list[str] | None,
    _list(
        "--password",
        "USER:SECRET",
        "USER:file:PATH, USER:env:NAME, USER:ask, USER:locked, USER:disabled.",
    ),
]
PasswordMethod = Annotated[
    str, _list("--password-method", "METHOD", "yescrypt or sha512; without it, what the guest uses.")
]
Chown = Annotated[list[str] | None, _list("--chown", "OWNER:PATH", "Set the owner: USER or USER.GROUP.")]


def command(
    source: Source,
    target: Target,
    out: Output,
    hostname: Hostname = "",
    timezone: Timezone = "",
    mkdir: Mkdir = None,
    upload: Upload = None,
    write_file: WriteFile = None,
    append_line: AppendLine = None,
    edit: Edit = None,
    truncate: Truncate = None,
    move: Move = None,
    link: Link = None,
    delete: Delete = None,
    chmod: Chmod = None,
    chown: Chown = None,
    ssh_inject: SshInject = None,
    service: Service = None,
    firstboot_command: FirstbootCommand = None,
    run_command: RunCommand = None,
    password: Password = None,
    password_method: PasswordMethod = "",
) -> None:
    """Change a guest: names, keys, passwords, files, services.

    Without --write or --output it prints what would be changed, and stops.
    """
    from imgtools.ops.orders import Named, Order
    from imgtools.workflows.customize import customize

    texts: dict[str, list[str] | None] = {
        "hostname": [hostname] if hostname else None,
        "timezone": [timezone] if timezone else None,
        "mkdir": mkdir, "upload": upload, "write-file": write_file, "append-line": append_line, "edit": edit,
        "truncate": truncate, "move": move, "link": link, "delete": delete, "chmod": chmod, "chown": chown,
        "service": service, "firstboot-command": firstboot_command, "run-command": run_command,
    }  # fmt: skip
    wanted = [Named(name, Order(text)) for name, values in texts.items() for text in values or ()]
    wanted += [_key(text) for text in ssh_inject or ()]
    wanted += [_password(text, password_method) for text in password or ()]
    with out.progress("Customizing") as progress:
        report = customize(source, target, wanted, progress=progress)
    show_plan(out, report, schema="imgtools.customize/1")


def _key(text: str) -> Named:
    from imgtools.image.keys import read_secret
    from imgtools.ops.orders import Named, Order, split_pair

    user, rest = split_pair(text, "USER:file:PATH or USER:string:KEY")
    kind, value = split_pair(rest, "file:PATH or string:KEY")
    key = value if kind == "string" else read_secret(kind, value, "", ask_secret).reveal().decode()
    return Named("ssh-inject", Order(f"{user}:{key}"))


def _password(text: str, method: str) -> Named:
    from imgtools.ops.orders import Named, Order, split_pair
    from imgtools.workflows.secret import read_secret_word

    user, way = split_pair(text, "USER:file:PATH")
    if way in ("locked", "disabled"):
        return Named("password", Order(text))
    return Named(
        "password", Order(f"{user}:{method}", read_secret_word(way, f"Password of {user}: ", ask_secret))
    )
