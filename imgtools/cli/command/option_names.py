"""The names of the options that mean one thing in every command: one name, and at most one letter.

A command that takes one of these things takes it by this name. docs/options.md is made from it, with the commands that
take each; docs/decisions/option-names.md has the reasons.
"""

from __future__ import annotations


class Name:
    """How one thing is called on every command line.

    A plain class, as ``Old``: every start makes them, and a NamedTuple or a dataclass compiles its methods each time.
    """

    __slots__ = ("thing", "words")

    def __init__(self, words: tuple[str, ...], thing: str) -> None:
        self.words = words  # the long name, and the letter if there is one
        self.thing = thing  # what it is, in words of the trade

    @property
    def long(self) -> str:
        """The name with two hyphens."""
        return self.words[0]

    @property
    def letter(self) -> str:
        """The name with one hyphen, or nothing."""
        return self.words[1] if len(self.words) > 1 else ""


class Old(tuple[str, ...]):
    """Spellings of an option that still work and are not shown: what it was called before, or by a peer.

    It stands in an option's ``Annotated``, behind typer's own word.
    """

    __slots__ = ()


def old(*spellings: str) -> Old:
    """Return a mark for an option that was called differently once."""
    return Old(spellings)


INPUT_FORMAT = Name(("--format", "-f"), "the format of an image that is read")
OUTPUT_FORMAT = Name(("--output-format", "-O"), "the format of a new image")
NEW_IMAGE = Name(("--output",), "a new image, where the change could also be made in place")
OVERWRITE = Name(("--overwrite",), "a file of the host that is there is replaced")
BACKING_FILE = Name(("--backing-file", "-b"), "the backing file of an overlay")
BACKING_FORMAT = Name(("--backing-format", "-F"), "the format of a backing file")
BACKING_POLICY = Name(("--backing-policy",), "which other files of the host an image may name")
BACKING_FOLDER = Name(("--backing-folder",), "a further folder whose files an image may name")
BLOCK_SIZE = Name(("--blocksize",), "the bytes of a disk's logical sector")
FORCE_SHARE = Name(("--force-share", "-U"), "an image is read although another program writes to it")
REMOTE = Name(("--remote",), "the network is used for an image that is a URI")
REMOTE_TIMEOUT = Name(("--remote-timeout",), "how long a server may take to answer")
OTHER_IMAGE = Name(("--other",), "a second image that is read")
OTHER_FORMAT = Name(("--other-format",), "the format of a second image")
OTHER_SNAPSHOT = Name(("--other-snapshot",), "the internal snapshot of a second image")
DOMAIN = Name(("--domain", "-d"), "a guest of libvirt, instead of an image")
CONNECT = Name(("--connect", "-c"), "which libvirt")
DOMAIN_XML = Name(("--domain-xml",), "a guest as a libvirt definition in a file has it")
VOLUME = Name(("--vol",), "a volume of a storage pool of libvirt, instead of an image")
ALL_DOMAINS = Name(("--all-domains",), "all guests of libvirt")
INACTIVE = Name(("--inactive",), "of all guests of libvirt, those that are shut off")
ONE_DISK = Name(("--disk",), "which disk of a guest")
OTHER_DOMAIN = Name(("--other-domain",), "a guest of libvirt, instead of a second image")
OTHER_DISK = Name(("--other-disk",), "which disk of a second guest")
KEY = Name(("--key",), "the key of an encrypted volume that is there")
KEYS_FROM_STDIN = Name(("--keys-from-stdin",), "keys of encrypted volumes from standard input")
LUKS_HEADER = Name(("--luks-header",), "the header of an encrypted volume that lies elsewhere")
NEW_KEY = Name(("--new-key",), "the passphrase that an image gets")
OLD_KEY = Name(("--old-key",), "the passphrase that an image loses")
WRITE = Name(("--write",), "do it, in the image itself")
DRY_RUN = Name(("--dry-run", "-n"), "show the plan and stop")
FORCE = Name(("--force",), "do it although a check speaks against it")
PARALLEL = Name(("--parallel", "-P"), "how much is done at a time")
IMAGES_FROM = Name(("--images-from",), "a file with names of images")
IMAGES0_FROM = Name(("--images0-from",), "a file with names of images that are ended by NUL")
TIME_LIMIT = Name(("--time-limit",), "how long one image may take")
DATABASE = Name(("--database",), "where the answers of a fleet are kept")
SHARE_APPLIANCE = Name(("--share-appliance",), "images that need the appliance share one")
JSON_LINES = Name(("--json-lines",), "a JSON document a line")
DELETE = Name(("--delete",), "what is no longer wanted goes")

ALL = (
    INPUT_FORMAT,
    OUTPUT_FORMAT,
    NEW_IMAGE,
    OVERWRITE,
    BACKING_FILE,
    BACKING_FORMAT,
    BACKING_POLICY,
    BACKING_FOLDER,
    FORCE_SHARE,
    REMOTE,
    REMOTE_TIMEOUT,
    OTHER_IMAGE,
    OTHER_FORMAT,
    OTHER_SNAPSHOT,
    OTHER_DOMAIN,
    OTHER_DISK,
    DOMAIN,
    DOMAIN_XML,
    VOLUME,
    CONNECT,
    ALL_DOMAINS,
    INACTIVE,
    ONE_DISK,
    KEY,
    KEYS_FROM_STDIN,
    LUKS_HEADER,
    NEW_KEY,
    OLD_KEY,
    WRITE,
    DRY_RUN,
    FORCE,
    PARALLEL,
    IMAGES_FROM,
    IMAGES0_FROM,
    TIME_LIMIT,
    DATABASE,
    SHARE_APPLIANCE,
    JSON_LINES,
    DELETE,
)


def old_names(annotation: object) -> tuple[str, ...]:
    """Return the spellings of an annotated option that are not shown."""
    marks = (mark for mark in getattr(annotation, "__metadata__", ()) if isinstance(mark, Old))
    return tuple(name for mark in marks for name in mark)
