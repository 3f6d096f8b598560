"""HAProxy's configuration: which ports there are. It knows no host and no certificate."""

from __future__ import annotations

from components.gateway.gateway import (
    CURRENT,
    FIGURES_PORT,
    FIGURES_SOCKET,
    HEALTH_PORT,
    ROUTER_FIGURES_PORT,
)
from values.entrance import Listen, Scheme

HOLD_AT = "/tmp/hold.lua"  # noqa: S108 - in the container
"""Where HAProxy finds the script that keeps visitors while Caddy is replaced."""

# Docker's bridges and SSH forwarding connect from these ranges. Many visitors can share such an
# address, so it has no limit.
_PRIVATE = "127.0.0.0/8 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16"

_MAX = {"https": 5000, "http": 1000}
"""Connections at once; each takes 2.5 of the files that HAProxy may open."""
_MAX_HELD = 500


def haproxy_config(listen: Listen) -> str:
    """The whole file. Nothing in it depends on routes, so HAProxy never reloads it.

    If a visitor's connection to Caddy fails, HAProxy passes it to the frontend `held`, which waits
    for Caddy and passes it back. Held visitors have separate slots (`maxconn`), so they can't block
    others.

    A single thread passes on more than Caddy answers, and takes a sixth less time for it than
    several, which wake each other.
    """
    return f"""\
global
	nbthread 1
	fd-hard-limit 20000
	log stdout format raw daemon notice
	lua-load {HOLD_AT}
	hard-stop-after 2s

defaults
	mode tcp
	log global
	timeout connect 1s
	timeout client 24h
	timeout server 24h
	option clitcpka

frontend health
	mode http
	bind 127.0.0.1:{HEALTH_PORT}
	timeout client 5s
	http-request return status 200

frontend figures
	mode http
	bind :{FIGURES_PORT}
	timeout client 30s
	http-request use-service prometheus-exporter

frontend router_figures
	bind :{ROUTER_FIGURES_PORT}
	timeout client 30s
	default_backend router_figures

backend router_figures
	timeout server 30s
	server router unix@{FIGURES_SOCKET}

backend addresses
	stick-table type ipv6 size 100k expire 1m store conn_cur
{_visitors("http", listen.http, listen)}{_visitors("https", listen.https, listen)}"""


def _visitors(scheme: Scheme, port: int, listen: Listen) -> str:
    limit = listen.connections_per_address
    return f"""
frontend {scheme}
	bind :{port}
	maxconn {_MAX[scheme]}
	acl private src {_PRIVATE}
	tcp-request connection track-sc0 src table addresses if !private
	tcp-request connection reject if {{ sc0_conn_cur(addresses) gt {limit} }}
	default_backend {scheme}

frontend held_{scheme}
	bind abns@held_{scheme} accept-proxy
	maxconn {_MAX_HELD}
	tcp-request inspect-delay 60s
	tcp-request content lua.hold_{scheme}
	default_backend {scheme}

backend {scheme}
	balance first
	retries 1
	option redispatch 1
	server router unix@{CURRENT}/{scheme}.sock send-proxy-v2
	server held abns@held_{scheme} send-proxy-v2
"""
