"""What end-to-end tests and the bench share: one helper for each word that they promise.

- no failed request: `load.Load`
- serves, answers: `client.serves`, `client.get`, `client.refusal`
- changes nothing: `containers.ids`, next to the engine's own word
- a secret never appears: `secrets_search.LeakSearch`
- heals, recovers: `containers.signal_service`, then `waiting.wait_until`
- data is kept: `containers.volume_digests`
- quick: `path_shims.PathShims`
- nothing contacted outside: `island.on_island`, and every `second_host.SecondHost`
- over SSH, after a reboot: `second_host.SecondHost`
- cleans up, also on failure: `containers.remove_all`, `clean.sweep`

`test_support.py` shows of each that it can fail.
"""
