"""Remove the logs of the system and of its services, and what the installer left.

The list is that of virt-sysprep, with its one dead path (AccountService) corrected beside the original.
"""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import LINUX, Operation

SYSTEM = (
    "/var/log/*.log*",
    "/var/log/audit/*",
    "/var/log/btmp*",
    "/var/log/cron*",
    "/var/log/dmesg*",
    "/var/log/lastlog*",
    "/var/log/maillog*",
    "/var/log/mail/*",
    "/var/log/messages*",
    "/var/log/secure*",
    "/var/log/spooler*",
    "/var/log/tallylog*",
    "/var/log/wtmp*",
    "/var/log/apache2/*_log",
    "/var/log/apache2/*_log-*",
    "/var/log/ntp",
    "/var/log/tuned/tuned.log",
    "/var/log/debug*",
    "/var/log/syslog*",
    "/var/log/faillog*",
    "/var/log/firewalld*",
    "/var/log/grubby*",
    "/var/log/xferlog*",
    "/var/log/sa/*",
    "/var/log/sysstat/*",
    "/var/log/journal/*",
    "/var/lib/wtmpdb/wtmp.db",
    "/var/lib/lastlog/lastlog2.db",
)
SERVICES = (
    "/var/log/BackupPC/LOG",
    "/var/log/ceph/*.log",
    "/var/log/chrony/*.log",
    "/var/log/cups/*_log*",
    "/var/log/glusterfs/*glusterd.vol.log",
    "/var/log/glusterfs/glusterfs.log",
    "/var/log/httpd/*log",
    "/var/log/nginx/*.log*",
    "/var/log/jetty/jetty-console.log",
    "/var/log/libvirt/libxl/*.log",
    "/var/log/libvirt/libvirtd.log",
    "/var/log/libvirt/lxc/*.log",
    "/var/log/libvirt/qemu/*.log",
    "/var/log/libvirt/uml/*.log",
    "/var/named/data/named.run",
    "/var/log/ppp/connect-errors",
    "/var/log/setroubleshoot/*.log",
    "/var/log/squid/*.log",
    "/var/lib/logrotate.status",
    "/var/lib/logrotate/{logrotate.status,status}",
    "/var/log/gdm/*",
    "/var/log/lightdm/*",
    "/var/log/ntpstats/*",
    "/etc/Pegasus/*.{cnf,crt,csr,pem,srl}",
    "/var/log/rhsm/*",
    "/var/log/aptitude*",
    "/var/log/apt/*",
    "/var/log/exim4/*",
    "/var/log/ConsoleKit/*",
    "/var/log/unattended-upgrades/*",
    "/var/log/YaST2/*",
    "/var/log/zypp/*",
)
INSTALLERS = (
    "/root/install.log",
    "/root/install.log.syslog",
    "/root/anaconda-ks.cfg",
    "/root/anaconda-post.log",
    "/root/initial-setup-ks.cfg",
    "/root/original-ks.cfg",
    "/var/log/anaconda.syslog",
    "/var/log/anaconda/*",
    "/var/log/installer/*",
)
CACHES = (
    "/var/cache/gdm/*",
    "/var/lib/AccountService/users/*",
    "/var/lib/AccountsService/users/*",
    "/var/lib/fprint/*",
    "/var/cache/fontconfig/*",
    "/var/cache/man/*",
)

OPERATION = Operation(
    summary="Remove log files",
    families=LINUX,
    plan=removing(*SYSTEM, *SERVICES, *INSTALLERS, *CACHES),
)
