<?php
// A program as users write them, with Predis and its defaults.
//
//     php predis_program.php PORT
//
// Ends with exit code 0 and the line "done", or with the first thing that is not as it should be.

// Predis 1.1 is older than PHP 8.2, which says that some of its code is deprecated.
error_reporting(E_ALL & ~E_DEPRECATED);
require 'Predis/autoload.php';

use Predis\Collection\Iterator;

require __DIR__ . '/checks.php';

function refused(callable $call, string $what): void
{
    try {
        $got = $call();
    } catch (Predis\Response\ServerException | Predis\Transaction\AbortedMultiExecException $error) {
        return;
    }
    same($got, 'an error', $what);
}

$port = (int) $argv[1];
$r = new Predis\Client(['host' => '127.0.0.1', 'port' => $port]);
same((string) $r->flushdb(), 'OK', 'flushdb');
same((string) $r->ping(), 'PONG', 'ping');

same((string) $r->set('greeting', 'grüße'), 'OK', 'set');
same($r->get('greeting'), 'grüße', 'get');
same($r->get('nothing'), null, 'get of nothing');
same($r->set('greeting', 'x', 'EX', 10, 'NX'), null, 'set with nx');
same((string) $r->setex('soon', 100, 'x'), 'OK', 'setex');
same($r->ttl('soon') > 90, true, 'ttl');
same($r->incrby('n', 5), 5, 'incrby');
$many = [];
for ($n = 0; $n < 100; $n++) {
    $many["many:$n"] = "$n";
}
same((string) $r->mset($many), 'OK', 'mset');
same($r->mget(array_keys($many)), array_values($many), 'mget');
same($r->dbsize(), 103, 'dbsize');
same(count($r->keys('many:*')), 100, 'keys');
same($r->del(['many:0', 'many:1']), 2, 'del');

same((string) $r->hmset('h', ['a' => 1, 'b' => 2]), 'OK', 'hmset');
same($r->hgetall('h'), ['a' => '1', 'b' => '2'], 'hgetall');
same($r->rpush('l', ['3', '1', '2']), 3, 'rpush');
same($r->lrange('l', 0, -1), ['3', '1', '2'], 'lrange');
same($r->sort('l', ['sort' => 'desc', 'limit' => [0, 2]]), ['3', '2'], 'sort');
same($r->sadd('s', ['a', 'b']), 2, 'sadd');
same($r->zadd('z', ['one' => 1, 'two' => 2.5]), 2, 'zadd');
same($r->zrange('z', 0, -1, ['withscores' => true]), ['one' => '1', 'two' => '2.5'], 'zrange');

$answers = $r->pipeline(function ($pipe) use ($many) {
    foreach ($many as $key => $value) {
        $pipe->set($key, $value);
    }
    foreach (array_keys($many) as $key) {
        $pipe->get($key);
    }
});
same(array_slice($answers, 100), array_values($many), 'pipeline');
same((string) $answers[7], 'OK', 'pipeline');
$r->pipeline(['fire-and-forget' => true], function ($pipe) {
    $pipe->set('forgotten', 1);
});

$seen = iterator_to_array(new Iterator\Keyspace($r, 'many:*', 10), false);
same(count(array_unique($seen)), 100, 'keyspace iterator');
same(iterator_to_array(new Iterator\HashKey($r, 'h')), ['a' => '1', 'b' => '2'], 'hash iterator');
same(iterator_to_array(new Iterator\SortedSetKey($r, 'z')), ['one' => 1.0, 'two' => 2.5], 'sorted set iterator');

// A command of our own. Predis sends EVALSHA, and EVAL after NOSCRIPT.
class Twice extends Predis\Command\ScriptCommand
{
    public function getKeysCount()
    {
        return 1;
    }

    public function getScript()
    {
        return "return redis.call('INCRBY', KEYS[1], redis.call('GET', KEYS[1]))";
    }
}

if (method_exists($r, 'getProfile')) {
    $r->getProfile()->defineCommand('twice', 'Twice');
} else {
    $r->getCommandFactory()->define('twice', 'Twice'); // Predis 2
}
for ($n = 0; $n < 20; $n++) {
    $r->set("d:$n", 4);
    same($r->twice("d:$n"), 8, 'script');
}
same((string) $r->script('flush'), 'OK', 'script flush');
same($r->twice('d:0'), 16, 'script after a flush');

$other = new Predis\Client(['host' => '127.0.0.1', 'port' => $port, 'database' => 3], ['prefix' => 'app:']);
same($other->get('greeting'), null, 'another database');
same((string) $other->mset(['a' => 1, 'b' => 2]), 'OK', 'mset with a prefix');
same($other->mget(['a', 'b', 'c']), ['1', '2', null], 'mget with a prefix');
same($other->keys('*') > [], true, 'keys with a prefix');
same((string) $other->client('setname', 'reader'), 'OK', 'client setname');
same(in_array('reader', array_column($r->client('list'), 'name'), true), true, 'client list');
same(isset($r->info()['Server']['redis_version']), true, 'info');
same($r->config('get', 'maxmemory'), ['maxmemory' => '0'], 'config get');

$other->transaction(fn ($transaction) => $transaction->set('t', 1));
same($other->get('t'), '1', 'after a transaction');

same($r->quit() !== false, true, 'quit');
echo "done\n";
