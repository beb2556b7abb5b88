<?php
// A small program as users write them, with PHP's memcached extension (libmemcached below it).
//
//     php memcache_program.php PORT
//
// Ends with exit code 0 and the line "done", or with the first thing that is not as it should be.

require __DIR__ . '/checks.php';

$port = (int) $argv[1];
$c = new Memcached();
$c->addServer('127.0.0.1', $port);
$c->setOption(Memcached::OPT_BINARY_PROTOCOL, false);
$c->setOption(Memcached::OPT_COMPRESSION, false);

same($c->set('key', 'grüße'), true, 'set');
same($c->get('key'), 'grüße', 'get');
same($c->get('nothing'), false, 'get of nothing');
same($c->getResultCode(), Memcached::RES_NOTFOUND, 'and its code');
$many = [];
for ($n = 0; $n < 200; $n++) {
    $many["$n-of-many-keys"] = ['value' => $n];
}
same($c->setMulti($many), true, 'setMulti');
$got = $c->getMulti(array_merge(array_keys($many), ['nothing']), Memcached::GET_PRESERVE_ORDER);
same($got, $many + ['nothing' => null], 'getMulti');
same($c->add('key', 'x'), false, 'add of what is there');
same($c->replace('nothing', 'x'), false, 'replace of nothing');
$item = $c->get('key', null, Memcached::GET_EXTENDED);
same($c->cas($item['cas'], 'key', 'changed'), true, 'cas');
same($c->cas($item['cas'], 'key', 'again'), false, 'cas of an old unique');
same($c->getResultCode(), Memcached::RES_DATA_EXISTS, 'and its code');
same($c->set('counter', 10), true, 'set of a number');
same([$c->increment('counter', 5), $c->decrement('counter', 20)], [15, 0], 'increment, decrement');
same($c->increment('nothing'), false, 'increment of nothing');
same($c->set('text', 'b'), true, 'set');
same([$c->append('text', 'c'), $c->prepend('text', 'a'), $c->get('text')], [true, true, 'abc'], 'append');
same([$c->touch('key', 100), $c->touch('nothing', 100)], [true, false], 'touch');
$big = str_repeat('big value ', 50000);
same($c->set('big', $big), true, 'set of 500 kB');
same($c->get('big'), $big, 'get of 500 kB');
same($c->set('huge', str_repeat('x', 2000000)), false, 'set of 2 MB');
same($c->get('key'), 'changed', 'get after that');
$deleted = $c->deleteMulti(array_keys($many));
same(array_sum($deleted), 200, 'deleteMulti');
same([$c->delete('key'), $c->delete('key')], [true, false], 'delete');

$quiet = new Memcached();
$quiet->addServer('127.0.0.1', $port);
$quiet->setOption(Memcached::OPT_NOREPLY, true);
for ($n = 0; $n < 100; $n++) {
    $quiet->set("quiet-$n", $n);
}
same(count($quiet->getMulti(array_map(fn ($n) => "quiet-$n", range(0, 99)))), 100, 'after noreply');
same(count($c->getStats()), 1, 'stats');
same(count($c->getVersion()), 1, 'version');
same($c->flush(), true, 'flush');
same($c->get('big'), false, 'after flush');
same($c->quit(), true, 'quit');
echo 'PHP memcached ', phpversion('memcached'), ": done\n";
