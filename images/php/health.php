<?php
// What the health check asks for. Mostly, that it runs at all is the answer.

// A stopped php-fpm starts no process any more, but one that is left over would still answer.
if (preg_match('/^State:\s+T/m', file_get_contents('/proc/' . posix_getppid() . '/status'))) {
    http_response_code(503);
}

// opcache keeps the scripts of past releases for ever, and takes no new ones once it is full. So
// it is emptied before that, but once an hour at most: a site may be larger than opcache.
$opcache = opcache_get_status(false);
if ($opcache && $opcache['memory_usage']['free_memory'] < 8 * 1024 * 1024) {
    $since = $opcache['opcache_statistics'];
    if (time() - max($since['start_time'], $since['last_restart_time']) > 3600) {
        opcache_reset();
    }
}
