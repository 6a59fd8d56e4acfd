# Installs the packages given as arguments on Debian or Ubuntu without letting their services start, now or at boot.
set -eu
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1

# The policy is the whole machine's: one installer at a time. Only root can open this folder's files.
exec 9>/run/sealpost-install.lock
flock 9

policy=/usr/sbin/policy-rc.d
saved=$policy.before-sealpost
mark='# Of a running Sealpost installation, which takes it away again.'
ours() { grep -qsxF "$mark" "$policy"; }
restore() {
  if ours; then rm -f "$policy"; fi
  if [ -e "$saved" ] && [ ! -e "$policy" ]; then mv "$saved" "$policy"; fi
}
# An interrupted run may have left its own and the saved one.
if [ -e "$policy" ] && ! ours; then
  if [ -e "$saved" ]; then
    echo "installing: both $policy and $saved exist; keep the right one as $policy, and remove $saved" >&2
    exit 1
  fi
  mv "$policy" "$saved"
fi
trap restore EXIT
trap 'exit 130' INT TERM HUP
printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy"
chmod 755 "$policy"

socket=/lib/systemd/system/epmd.socket
if [ -e "$socket" ]; then socket=; fi # it was here before us, as somebody wanted it
epmds() { grep -lx epmd /proc/[0-9]*/comm 2>/dev/null | cut -d/ -f3 || true; }
before=" $(epmds | tr '\n' ' ') "

# A daemon that a package starts must not hold the lock.
apt-get -o DPkg::Lock::Timeout=600 update 9>&-
apt-get -o DPkg::Lock::Timeout=600 install -y --no-install-recommends "$@" 9>&-

for package in "$@"; do
  if [ -e "/etc/init.d/$package" ]; then update-rc.d "$package" disable || true; fi
done
if command -v systemctl >/dev/null; then
  for unit in "$@" ${socket:+epmd.socket epmd.service}; do systemctl disable "$unit" || true; done
fi
# The packages' scripts may start Erlang's port mapper as a daemon.
for pid in $(epmds); do
  case $before in *" $pid "*) ;; *) kill "$pid" || true ;; esac
done
