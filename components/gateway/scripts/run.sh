# Runs Caddy. Visitors are led to it once it is whole, and away from it before it stops.
config=/etc/caddy/current

rm -rf /sockets/*
mkdir "/sockets/$(cat $config/revision)"
caddy run --config $config/Caddyfile --adapter caddyfile &
caddy=$!
trap 'rm -f /sockets/current; kill $caddy' TERM
{
	until grep -q ' /tmp/admin.sock$' /proc/net/unix; do sleep 0.1; done
	sh $config/reload.sh
} &
wait $caddy
# TERM ends the first wait; the second one waits until Caddy has finished its requests.
wait $caddy
