<?php
// A program as users write them, with phpredis and its defaults.
//
//     php phpredis_program.php PORT
//
// Ends with exit code 0 and the line "done", or with the first thing that is not as it should be.

require __DIR__ . '/checks.php';

$port = (int) $argv[1];
$r = new Redis();
same($r->connect('127.0.0.1', $port), true, 'connect');
same($r->flushDB(), true, 'flushDB');
same($r->ping(), true, 'ping');

same($r->set('greeting', 'grüße'), true, 'set');
same($r->get('greeting'), 'grüße', 'get');
same($r->get('nothing'), false, 'get of nothing');
same($r->set('greeting', 'x', ['nx', 'ex' => 10]), false, 'set with nx');
same($r->setex('soon', 100, 'x'), true, 'setex');
same($r->ttl('soon') > 90, true, 'ttl');
same($r->incrBy('n', 5), 5, 'incrBy');
$many = [];
for ($n = 0; $n < 100; $n++) {
    $many["many:$n"] = "$n";
}
same($r->mset($many), true, 'mset');
same($r->mget(array_keys($many)), array_values($many), 'mget');
same($r->exists(array_keys($many)), 100, 'exists');
same($r->dbSize(), 103, 'dbSize');
same(count($r->keys('many:*')), 100, 'keys');
same($r->unlink(['many:0', 'many:1']), 2, 'unlink');

same($r->hMSet('h', ['a' => 1, 'b' => 2]), true, 'hMSet');
same($r->hGetAll('h'), ['a' => '1', 'b' => '2'], 'hGetAll');
same($r->rPush('l', '1', '2', '3'), 3, 'rPush');
same($r->lRange('l', 0, -1), ['1', '2', '3'], 'lRange');
same($r->sAdd('s', 'a', 'b'), 2, 'sAdd');
same($r->zAdd('z', 1, 'one', 2.5, 'two'), 2, 'zAdd');
same($r->zRange('z', 0, -1, true), ['one' => 1.0, 'two' => 2.5], 'zRange');

same($r->pipeline()->set('p', 1)->incr('p')->get('p')->exec(), [true, 2, '2'], 'pipeline');

$r->setOption(Redis::OPT_SCAN, Redis::SCAN_RETRY);
$cursor = null;
$seen = [];
while (($page = $r->scan($cursor, 'many:*', 10)) !== false) {
    $seen += array_flip($page);
}
same(count($seen), 98, 'scan');

$script = "return redis.call('INCRBY', KEYS[1], redis.call('GET', KEYS[1]))";
$sha = $r->script('load', $script);
same($sha, sha1($script), 'script load');
for ($n = 0; $n < 20; $n++) {
    $r->set("d:$n", 4);
    same($r->evalSha($sha, ["d:$n"], 1), 8, 'evalSha');
}

same($r->select(3), true, 'select');
same($r->get('greeting'), false, 'another database');
same($r->client('setname', 'reader'), true, 'client setname');
same($r->client('getname'), 'reader', 'client getname');
same(isset($r->info()['redis_version']), true, 'info');
same($r->type('greeting'), Redis::REDIS_NOT_FOUND, 'type');
same($r->select(0), true, 'select');

$r->setOption(Redis::OPT_SERIALIZER, Redis::SERIALIZER_PHP);
$r->set('array', ['key' => [1, 2]]);
same($r->get('array'), ['key' => [1, 2]], 'serializer');

// A session, as php.ini has it with session.save_handler = redis.
ini_set('session.save_handler', 'redis');
ini_set('session.save_path', "tcp://127.0.0.1:$port");
ini_set('session.use_cookies', '0');
ini_set('session.cache_limiter', '');
session_id('phpsession');
session_start();
$_SESSION['user'] = 'someone';
session_write_close();
$_SESSION = [];
session_start();
same($_SESSION['user'] ?? null, 'someone', 'session');
session_destroy();

$r->close();
echo "done\n";
