# Installs the packages given as arguments on Debian or Ubuntu without letting their services start, now or at boot.
set -eu
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1

policy=/usr/sbin/policy-rc.d
saved=$policy.before-sealpost
restore() {
  rm -f "$policy"
  if [ -e "$saved" ]; then mv "$saved" "$policy"; fi
}
trap restore EXIT
trap 'exit 130' INT TERM HUP
# An interrupted run may have left the saved one.
if [ -e "$policy" ] && [ ! -e "$saved" ]; then mv "$policy" "$saved"; fi
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"

socket=/lib/systemd/system/epmd.socket
if [ -e "$socket" ]; then socket=; fi # it was here before us, as somebody wanted it
epmds() { grep -lx epmd /proc/[0-9]*/comm 2>/dev/null | cut -d/ -f3 || true; }
before=" $(epmds | tr '\n' ' ') "

apt-get -o DPkg::Lock::Timeout=600 update
apt-get -o DPkg::Lock::Timeout=600 install -y --no-install-recommends "$@"

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
