"""Blocks of Caddyfiles as self-hosters have them, with the sites' files that come of them."""

BCRYPT = "$2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG"
OWN = "is a program or a container of yours, which no site reaches, and Homeport doesn't run"

FILES = {
    "1 a page that routes by itself": (
        """app.example.org {
	root * /var/www/app
	try_files {path} /index.html
	@html path *.html /
	header @html Cache-Control no-cache
	header /assets/* Cache-Control "public, max-age=31536000"
	file_server
}""",
        """hosts: [app.example.org]
source: {host_folder: /var/www/app}
caddyfile: |
  try_files {path} /index.html
  @html path *.html /
  header @html Cache-Control no-cache
  header /assets/* Cache-Control "public, max-age=31536000"
""",
        {},
    ),
    "2 only the neighbours": (
        """intern.example.org {
	@denied not remote_ip private_ranges
	abort @denied
	file_server
}""",
        """hosts: [intern.example.org]
source: {folder: sites/intern}
caddyfile: |
  @denied not remote_ip private_ranges
  abort @denied
""",
        {2: "write client_ip, which is the visitor"},
    ),
    "3 a password for a part": (
        f"example.org {{\n\tbasic_auth /admin/* {{\n\t\tbob {BCRYPT}\n\t}}\n\tfile_server\n}}",
        "hosts: [example.org]\nsource: {folder: sites/example}\ncaddyfile: |\n"
        f"  basic_auth /admin/* {{\n    bob {BCRYPT}\n  }}\n",
        {},
    ),
    "3 in the old spelling, before a program in php": (
        f"example.org {{\n\tbasicauth /index.php/admin/* {{\n\t\tbob {BCRYPT}\n\t}}\n"
        "\tphp_fastcgi unix//run/php-fpm.sock\n\tfile_server\n}",
        "hosts: [example.org]\nsource: {folder: sites/example}\nruntime: php\ncaddyfile: |\n"
        f"  basicauth /index.php/admin/* {{\n    bob {BCRYPT}\n  }}\n",
        {5: "PHP runs inside the site"},
    ),
    "4 a program of one's own": (
        """example.org {
	handle /api/* {
		reverse_proxy localhost:3007
	}
	handle {
		root * /var/www/app
		try_files {path} /index.html
		file_server
	}
}""",
        """hosts: [example.org]
source: {host_folder: /var/www/app}
caddyfile: |
  try_files {path} /index.html
""",
        {2: f"localhost:3007 {OWN}"},
    ),
    "5 another program that says who may": (
        """example.org {
	forward_auth 127.0.0.1:9091 {
		uri /api/verify
		copy_headers Remote-User
	}
	file_server
}""",
        """hosts: [example.org]
source: {folder: sites/example}
caddyfile: |
  forward_auth 127.0.0.1:9091 {
    uri /api/verify
    copy_headers Remote-User
  }
""",
        {2: f"127.0.0.1:9091 {OWN}"},
    ),
    "6 a server outside that isn't verified": (
        """pve.example.org {
	reverse_proxy https://192.0.2.6:8006 {
		transport http {
			tls_insecure_skip_verify
		}
	}
}""",
        "hosts: [pve.example.org]\nupstream: https://192.0.2.6:8006\n",
        {3: "the certificate of https://192.0.2.6:8006 is checked here"},
    ),
    "7 a large body for a server outside": (
        """files.example.org {
	request_body {
		max_size 50GB
	}
	reverse_proxy 192.0.2.7:8080
}""",
        "hosts: [files.example.org]\nupstream: http://192.0.2.7:8080\n",
        {2: "request_body: only a site with a source takes such lines; left out"},
    ),
    "8 php in another container": (
        """wp.example.org {
	root * /var/www/html
	@forbidden path /xmlrpc.php /wp-config.php *.sql
	respond @forbidden 403
	php_fastcgi wordpress:9000
	file_server
}""",
        """hosts: [wp.example.org]
source: {host_folder: /var/www/html}
runtime: php
caddyfile: |
  @forbidden path /xmlrpc.php /wp-config.php *.sql
  respond @forbidden 403
""",
        {5: "PHP runs inside the site"},
    ),
    "9 redirects": (
        """example.org {
	handle_path /pgp* {
		redir https://example.org/key.asc
	}
	redir /old/* /new/ permanent
	file_server
}""",
        """hosts: [example.org]
source: {folder: sites/example}
caddyfile: |
  handle_path /pgp* {
    redir https://example.org/key.asc
  }
  redir /old/* /new/ permanent
""",
        {},
    ),
    "10 a listing of a part": (
        """example.org {
	root * /var/www
	handle_path /dl/* {
		root * /var/www/dl
		file_server browse {
			hide *.tmp
		}
	}
	file_server
}""",
        """hosts: [example.org]
source: {host_folder: /var/www}
caddyfile: |
  handle_path /dl/* {
    root * /srv/current/dl
    file_server browse {
      hide *.tmp
    }
  }
""",
        {},
    ),
    "11 a snippet with an argument": (
        """(cors) {
	@origin header Origin {args[0]}
	header @origin Access-Control-Allow-Origin {args[0]}
	@preflight {
		method OPTIONS
		header Origin {args[0]}
	}
	respond @preflight 204
}
example.org {
	import cors https://example.com
	file_server
}""",
        """hosts: [example.org]
source: {folder: sites/example}
caddyfile: |
  @origin header Origin https://example.com
  header @origin Access-Control-Allow-Origin https://example.com
  @preflight {
    method OPTIONS
    header Origin https://example.com
  }
  respond @preflight 204
""",
        {},
    ),
    "12 pages for errors": (
        """example.org {
	handle_errors {
		rewrite * /{err.status_code}.html
		file_server
	}
	file_server
}""",
        """hosts: [example.org]
source: {folder: sites/example}
caddyfile: |
  handle_errors {
    rewrite * /{err.status_code}.html
    file_server
  }
""",
        {},
    ),
    "13 another name": (
        "www.example.org {\n\tredir https://example.org{uri} permanent\n}",
        "hosts: [www.example.org]\nredirect: {to: https://example.org}\n",
        {},
    ),
    "14 a wildcard": (
        "*.example.org {\n\ttls {\n\t\tdns cloudflare {env.TOKEN}\n\t}\n}",
        "",
        {1: "certificates for a wildcard need a DNS plugin"},
    ),
    "15 the word import": (
        """example.org {
	# import nothing
	@import path /import
	respond @import "import your contacts"
	handle /api/import {
		redir /import /upload
	}
	file_server
}""",
        """hosts: [example.org]
source: {folder: sites/example}
caddyfile: |
  @import path /import
  respond @import "import your contacts"
  handle /api/import {
    redir /import /upload
  }
""",
        {},
    ),
    "16 a redirect to https": (
        """example.org {
	@http protocol http
	redir @http https://{host}{uri}
	file_server
}""",
        "hosts: [example.org]\nsource: {folder: sites/example}\n",
        {2: "no line asks @http", 3: "the gateway sends visitors to HTTPS by itself"},
    ),
    "17 a plugin's directive": (
        "example.org {\n\trate_limit {\n\t\tzone all {\n\t\t\tevents 10\n\t\t}\n\t}\n"
        "\tfile_server\n}",
        "hosts: [example.org]\nsource: {folder: sites/example}\n",
        {2: "the gateway bounds how many connections an address has at once"},
    ),
    "18 what others do here": (
        """example.org {
	log {
		output file /var/log/caddy/access.log
	}
	tls internal
	bind 127.0.0.1
	file_server
}""",
        "hosts: [example.org]\nsource: {folder: sites/example}\ncaddyfile: |\n  bind 127.0.0.1\n",
        {2: "the log of the gateway", 5: "homeport:tls", 6: "homeport:listen"},
    ),
    "19 headers and compression": (
        "example.org {\n\tencode gzip\n\theader -Server\n\theader X-Frame-Options DENY\n"
        f'\theader Content-Security-Policy "img-src {"https://a.example " * 54}"\n'
        "\tfile_server\n}",
        "hosts: [example.org]\nsource: {folder: sites/example}\ncaddyfile: |\n"
        "  encode gzip\n  header -Server\n  header X-Frame-Options DENY\n"
        f'  header Content-Security-Policy "img-src {"https://a.example " * 54}"\n',
        {},
    ),
    "20 a variable below which the host is": (
        "blog.{$BASE_DOMAIN} {\n\tfile_server\n}",
        "hosts: [blog]\nsource: {folder: sites/blog}\n",
        {1: "blog gets the stack's domain (homeport:domain) instead"},
    ),
    "20 a variable that is the host": (
        "{$BASE_DOMAIN} {\n\tfile_server\n}",
        "",
        {1: "gets the stack's domain (homeport:domain)"},
    ),
}
"""A text, the one site's file that it becomes ("" for none), and by line what is said."""

VERSION_1 = {
    "a folder that is listed": (
        ":80 {\n\troot /srv/kestrel\n\tgzip\n\tlog stdout\n\ttls off\n\tbrowse\n}",
        "hosts: [kestrel]\nsource: {host_folder: /srv/kestrel}\nlisting: true\n",
        {1: "kestrel", 3: "compresses", 4: "log of", 5: "homeport:tls"},
    ),
    "a repository below a path, with a webhook": (
        """:80 {
	root /srv
	git {
		repo https://github.com/owner/portfolio
		branch master
		path /srv/new
		hook /portfolio-webhook s3cret
		interval 900
	}
}""",
        """hosts: [portfolio]
source:
  git: https://github.com/owner/portfolio
  branch: master
  as: new
  every: 15m
  webhook: /portfolio-webhook
""",
        {1: "portfolio", 2: "git brings", 7: "homeport:site_secrets.portfolio.webhook"},
    ),
    "a folder of a repository, with php and a page for what isn't there": (
        """design.example.org {
	root /srv/design/design
	git https://github.com/owner/design /srv
	fastcgi / 127.0.0.1:9000 php
	errors {
		log stdout
		404 404/index.html
	}
	tls owner@example.org
}""",
        """hosts: [design.example.org]
source:
  git: https://github.com/owner/design
  directory: design/design
runtime: php
not_found: 404/index.html
email: owner@example.org
""",
        {2: "git brings", 4: "PHP runs inside the site", 6: "the site's own log"},
    ),
    "a server outside": (
        "cozy.example.org {\n\tproxy / 192.0.2.9:9104 {\n\t\ttransparent\n\t}\n\tgzip\n}",
        "hosts: [cozy.example.org]\nupstream: http://192.0.2.9:9104\n",
        {3: "the visitor's host", 5: "compresses"},
    ),
    "a redirect, which is for ever": (
        "example.org {\n\tredir https://www.example.org{uri}\n\tlog stdout\n}",
        "hosts: [example.org]\nredirect: {to: https://www.example.org}\n",
        {3: "log of"},
    ),
}
"""The same for the directives of Caddy 1."""
