"""Site blocks as self-hosters have them, reduced, each with what comes of it in a site's file.

Those of free lines are tested in test_caddyfile_lines.py, on what the site's own Caddy made of
them; those of whole files in test_site_blocks.py.
"""

BCRYPT = "$2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG"
HERE = (
    "is the site's own container, where nothing of yours runs; Homeport doesn't run your own "
    "programs yet. Name a server that the site can reach, or remove the line"
)
OUTSIDE = (
    "is outside, and the site can't reach it; add egress: true to its file, or let that server "
    "answer for a whole host, with upstream: instead of source:"
)
NO_PLUGINS = "the official Caddy has no such directive, as plugins aren't part of it"

TAKEN = {
    "1 a page that routes by itself": "try_files {path} /index.html\n"
    "@html path *.html /\n"
    "header @html Cache-Control no-cache\n"
    "@assets path /assets/*\n"
    'header @assets Cache-Control "public, max-age=31536000"\n'
    "file_server",
    "3 a password for a part": f"basic_auth /admin/* {{\n  bob {BCRYPT}\n}}",
    "3 in the old spelling": f"basicauth /admin/* {{\n  bob {BCRYPT}\n}}",
    "3 for a program in php": f"basic_auth /admin/* {{\n  bob {BCRYPT}\n}}\n# php",
    "8 what nobody may ask a program in php": "@forbidden path /xmlrpc.php /wp-config.php *.sql\n"
    "respond @forbidden 403",
    "9 redirects": "handle_path /pgp* {\n  redir https://example.org/key.asc\n}\n"
    "redir /old/* /new/ permanent",
    "10 a listing of a part": "handle_path /dl/* {\n"
    "  root * /srv/current/dl\n  file_server browse {\n    hide *.tmp\n  }\n}",
    "11 other sites that may ask": "@origin header Origin https://example.org\n"
    "header @origin Access-Control-Allow-Origin https://example.org\n"
    "@preflight {\n  method OPTIONS\n  header Origin https://example.org\n}\n"
    'header @preflight Access-Control-Allow-Methods "GET, POST"\n'
    "respond @preflight 204",
    "12 pages for errors": "handle_errors {\n  rewrite * /{err.status_code}.html\n  file_server\n}",
    "15 the word import": "# import nothing\n"
    "@import path /import\n"
    'respond @import "import your contacts"\n'
    "handle /api/import {\n  redir /import /upload\n}",
    "19 headers and compression": "encode gzip\n"
    "header -Server\n"
    "header X-Frame-Options DENY\n"
    f"header Content-Security-Policy \"default-src 'self'; img-src {'https://a.example ' * 54}\"",
}
"""Lines that are taken as they are. Where they speak of php, the site is one of PHP."""

REFUSED = {
    "2 only the neighbours": (
        "@denied not remote_ip private_ranges\nabort @denied",
        1,
        "remote_ip is the gateway for every visitor; write client_ip, which is the visitor",
    ),
    "4 a program of one's own": (
        "handle /api/* {\n  reverse_proxy localhost:3007\n}\nfile_server",
        2,
        f"localhost:3007 {HERE}",
    ),
    "5 another program that says who may": (
        "forward_auth 127.0.0.1:9091 {\n  uri /api/verify\n  copy_headers Remote-User\n}",
        1,
        f"127.0.0.1:9091 {HERE}",
    ),
    "6 a server outside that isn't verified": (
        "reverse_proxy https://192.0.2.6:8006 {\n"
        "  transport http {\n    tls_insecure_skip_verify\n  }\n}",
        1,
        f"192.0.2.6:8006 {OUTSIDE}",
    ),
    "8 php in another container": (
        "php_fastcgi wordpress:9000\nfile_server",
        1,
        "wordpress:9000 isn't needed: PHP runs inside the site without such a line; remove the "
        "line, and set runtime: php in the site's file",
    ),
    "11 a snippet": (
        "import cors https://example.org",
        1,
        "import reads the server's files; write the lines themselves",
    ),
    "16 a redirect to https": (
        "@http protocol http\nredir @http https://{host}{uri}",
        1,
        "protocol is HTTP/1.1 without TLS for every visitor, as the gateway ends TLS; it sends "
        "visitors to HTTPS by itself, so remove it, or ask `header X-Forwarded-Proto https`",
    ),
    "17 a plugin's directive": (
        "rate_limit {\n  zone all {\n    events 10\n  }\n}",
        1,
        f"unrecognized directive: rate_limit; {NO_PLUGINS}; a site is bounded by memory_mib and "
        "cpus of its file",
    ),
    "18 a log of one's own": (
        "log {\n  output file /var/log/caddy/access.log\n}",
        1,
        "log is set up already: the log of `router` has each request; remove it",
    ),
    "18 a certificate of one's own": (
        "tls internal",
        1,
        "tls belongs to the gateway (homeport:tls in the stack's file); remove it",
    ),
    "18 another address": (
        "bind 127.0.0.1",
        1,
        "bind changes where the gateway finds the site; remove it: the gateway listens where "
        "homeport:listen of the stack's file says",
    ),
}
"""Lines of a site without `egress`, the one of them that is told about, and what is said of it."""

WHOLE_FILES = {
    "7 a large body for a server outside": (
        "hosts: [files]\nupstream: http://192.0.2.7:8080\n"
        "caddyfile: |\n  request_body {\n    max_size 50GB\n  }\n",
        "config/sites/blog.yaml:3: caddyfile: only for a site with a source, and this one has "
        "upstream; leave it out",
    ),
    "13 another name": (
        "hosts: [www.example.org]\nredirect: {to: https://example.org}\n",
        "",
    ),
    "14 a wildcard": (
        'hosts: ["*.example.org"]\nsource: {folder: sites/blog}\n',
        "config/sites/blog.yaml:1: hosts.0 is '*.example.org': certificates for a wildcard need a "
        "DNS plugin, which the official Caddy doesn't have; list each host",
    ),
    "20 a variable of the environment": (
        'hosts: ["blog.{$BASE_DOMAIN}"]\nsource: {folder: sites/blog}\n',
        "config/sites/blog.yaml:1: hosts.0 is 'blog.{$BASE_DOMAIN}': placeholders aren't read; a "
        "host of one label, such as blog, gets the stack's domain (homeport:domain)",
    ),
}
"""A site's file, and what is said of it; "" where it is taken."""
