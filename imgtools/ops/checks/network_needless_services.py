"""A server starts no service over the network that it is not there for.

Each that listens is a way in. These come along with desktops, or for one task; where that is the guest's task, a
policy says so. Told is what is enabled; what a firewall keeps out is told all the same. Source: the manuals of each.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.service_checks import does_not_start
from imgtools.records.audit import Level

SERVICES = {
    "avahi-daemon": "tells the network what the machine has",
    "avahi-daemon.socket": "tells the network what the machine has",
    "cups": "prints",
    "cups.socket": "prints",
    "cups-browsed": "takes printers from the network",
    "rpcbind": "tells which services of RPC there are",
    "rpcbind.socket": "tells which services of RPC there are",
    "nfs-server": "shares files",
    "nfs-kernel-server": "shares files",
    "smbd": "shares files",
    "smb": "shares files",
    "nmbd": "names for Windows",
    "vsftpd": "shares files, passwords in clear text",
    "proftpd": "shares files, passwords in clear text",
    "pure-ftpd": "shares files, passwords in clear text",
    "rsync": "shares files",
    "rsyncd": "shares files",
    "snmpd": "tells what the machine does",
    "xinetd": "starts other services",
    "inetd": "starts other services",
    "openbsd-inetd": "starts other services",
    "inetutils-inetd": "starts other services",
    "ypserv": "shares accounts, NIS",
    "ypbind": "takes accounts, NIS",
    "dnsmasq": "DNS and DHCP",
    "named": "DNS",
    "bind9": "DNS",
    "isc-dhcp-server": "DHCP",
    "dhcpd": "DHCP",
    "slapd": "LDAP",
    "squid": "a proxy",
    "dovecot": "mail",
    "bluetooth": "Bluetooth",
    "rstatd": "tells who is logged in",
    "rusersd": "tells who is logged in",
    "talk.socket": "talks between users",
    "ntalk.socket": "talks between users",
    "chargen": "answers to forged senders",
    "echo": "answers to forged senders",
    "discard": "answers to forged senders",
    "daytime": "answers to forged senders",
    "xrdp": "desktops over the network",
    "vncserver": "desktops over the network",
    "x11vnc": "desktops over the network",
    "gdm": "a desktop",
    "gdm3": "a desktop",
    "lightdm": "a desktop",
    "sddm": "a desktop",
}

CHECK = Check(
    title="No service over the network is started that comes along with others",
    severity=Level.LOW,
    look=does_not_start(SERVICES),
    references=("CIS Debian 12 2.1", "ANSSI R62", "ANSSI R80", "NIST 800-53 CM-7"),
)
