ui = true

api_addr = "http://vault:8200"

# One server has no peers: its own address among them never changes.
cluster_addr = "https://127.0.0.1:8201"

# TLS ends at the gateway, which alone is reached from outside this network. It says who asks.
listener "tcp" {
  address         = "0.0.0.0:8200"
  cluster_address = "127.0.0.1:8201"
  tls_disable     = true

  x_forwarded_for_authorized_addrs   = "0.0.0.0/0"
  x_forwarded_for_reject_not_present = false
}

listener "tcp" {
  address         = "0.0.0.0:8202"
  cluster_address = "127.0.0.1:8203"
  tls_disable     = true
  telemetry {
    unauthenticated_metrics_access = true
  }
}

telemetry {
  disable_hostname          = true
  prometheus_retention_time = "1h"
}

storage "raft" {
  path    = "/var/lib/openbao"
  node_id = "vault"

  # It elects itself after one second, not after five.
  performance_multiplier = 1
}

seal "static" {
  current_key_id = "139abc26bd49"
  current_key    = "file:///etc/openbao/current/seal.key"
  previous_key_id = "2db6b2a7b2fb"
  previous_key    = "file:///etc/openbao/current/previous-seal.key"
}

# Whoever knows a name would keep its owner out. Nobody guesses an application's 128 bits; how often
# an address may try people's passwords is bounded by a quota, which the program sets.
user_lockout "approle" {
  disable_lockout = "true"
}

user_lockout "userpass" {
  disable_lockout = "true"
}

audit "file" "stdout" {
  options {
    file_path = "stdout"
  }
}

initialize "homeport" {
  request "recovery_key" {
    operation = "update"
    path      = "sys/rotate/recovery/init"
    data = {
      secret_shares = 1
      secret_threshold = 1
    }
  }
  request "values" {
    operation = "update"
    path      = "sys/mounts/services"
    data = {
      type = "kv"
      options = {
        version = "2"
      }
    }
  }
  request "approle" {
    operation = "update"
    path      = "sys/auth/approle"
    data = {
      type = "approle"
    }
  }
  request "policy" {
    operation = "update"
    path      = "sys/policies/acl/homeport-program"
    data = {
      policy = "path \"sys/policies/acl\" { capabilities = [\"list\"] }\npath \"sys/policies/acl/homeport-*\" { capabilities = [\"create\", \"read\", \"update\", \"delete\"] }\npath \"auth/approle/role\" { capabilities = [\"list\"] }\npath \"auth/approle/role/+\" { capabilities = [\"create\", \"read\", \"update\", \"delete\"] }\npath \"auth/userpass/users\" { capabilities = [\"list\"] }\npath \"auth/userpass/users/+\" { capabilities = [\"create\", \"read\", \"update\", \"delete\"] }\npath \"services/data/+/+\" { capabilities = [\"create\", \"read\", \"update\"] }\npath \"services/metadata/+/+\" { capabilities = [\"read\"] }\npath \"services/undelete/+/+\" { capabilities = [\"update\"] }\npath \"sys/storage/raft/snapshot\" { capabilities = [\"read\", \"update\"] }\npath \"sys/quotas/rate-limit/homeport-logins\" { capabilities = [\"create\", \"read\", \"update\"] }\n"
    }
  }
  request "role" {
    operation = "update"
    path      = "auth/approle/role/homeport-program"
    data = {
      token_type = "batch"
      token_ttl = "20m"
      token_policies = ["homeport-program"]
      token_no_default_policy = true
    }
  }
  request "role_id" {
    operation = "update"
    path      = "auth/approle/role/homeport-program/role-id"
    data = {
      role_id = {
        eval_type = "string"
        eval_source = "file"
        path = "/etc/openbao/current/role_id"
      }
    }
  }
  request "secret_id" {
    operation = "update"
    path      = "auth/approle/role/homeport-program/custom-secret-id"
    data = {
      secret_id = {
        eval_type = "string"
        eval_source = "file"
        path = "/etc/openbao/current/secret_id"
      }
    }
  }
  request "userpass" {
    operation = "update"
    path      = "sys/auth/userpass"
    data = {
      type = "userpass"
    }
  }
}
