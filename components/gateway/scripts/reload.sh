# Has Caddy take the files that are current, and leads visitors to what listens then. It is run
# when files change, and once after Caddy started; run again, it mends whatever another run left.
config=/etc/caddy/current

# A container of an older checkout has no sockets. It is replaced next.
[ -d /sockets ] || exit 0

# Whether a configuration's sockets are open. A file alone may have outlived its server.
listens() {
	[ "$1" ] && grep -q " 00010000 .* /sockets/$1/https.sock$" /proc/net/unix
}

lead_to() {
	ln -s "$1" "/sockets/next.$$" && mv -T "/sockets/next.$$" /sockets/current
}

old=$(readlink /sockets/current)
new=$(cat $config/revision)
mkdir -p "/sockets/$new"
caddy reload --config $config/Caddyfile --adapter caddyfile --address unix//tmp/admin.sock &
reload=$!
# The old configuration accepts for two more seconds (`shutdown_delay`), so visitors go over now.
# Where none serves, HAProxy holds visitors until the new one has its certificates.
if listens "$old"; then
	until listens "$new" || ! kill -0 $reload 2>/dev/null; do sleep 0.02; done
	! listens "$new" || lead_to "$new"
fi
wait $reload
code=$?
# The files may have changed again meanwhile. Where Caddy failed after its sockets opened, the link
# goes back.
new=$(cat $config/revision)
if listens "$new"; then
	lead_to "$new"
elif listens "$old"; then
	lead_to "$old"
fi
for folder in /sockets/*/; do
	folder=$(basename "$folder")
	[ "$folder" = current ] || [ "$folder" = "$new" ] || listens "$folder" || rm -r "/sockets/$folder"
done
exit $code
