/* A program as users write them, with hiredis.
 *
 *     cc hiredis_program.c -lhiredis -o program && ./program PORT
 *
 * Ends with exit code 0 and the line "done", or with the first thing that is not as it should be. */

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what, const char *got) {
    fprintf(stderr, "%s: got %s\n", what, got ? got : "nothing");
    exit(1);
}

static void text(redisReply *reply, const char *wanted, const char *what) {
    if (!reply || !reply->str || strcmp(reply->str, wanted) != 0) fail(what, reply ? reply->str : NULL);
    freeReplyObject(reply);
}

static void number(redisReply *reply, long long wanted, const char *what) {
    if (!reply || reply->type != REDIS_REPLY_INTEGER || reply->integer != wanted)
        fail(what, reply ? reply->str : NULL);
    freeReplyObject(reply);
}

int main(int argc, char **argv) {
    if (argc < 2) fail("arguments", "no port");
    redisContext *c = redisConnect("127.0.0.1", atoi(argv[1]));
    if (!c || c->err) fail("connect", c ? c->errstr : NULL);

    text(redisCommand(c, "FLUSHDB"), "OK", "FLUSHDB");
    text(redisCommand(c, "PING"), "PONG", "PING");
    text(redisCommand(c, "SET %s %s", "greeting", "hello world"), "OK", "SET");
    text(redisCommand(c, "GET greeting"), "hello world", "GET");
    text(redisCommand(c, "SET %b %b", "bar\0x", (size_t)5, "hel\0lo", (size_t)6), "OK", "SET of bytes");
    number(redisCommand(c, "STRLEN %b", "bar\0x", (size_t)5), 6, "STRLEN");
    number(redisCommand(c, "INCR counter"), 1, "INCR");
    for (int n = 0; n < 10; n++) number(redisCommand(c, "LPUSH list element-%d", n), n + 1, "LPUSH");
    redisReply *list = redisCommand(c, "LRANGE list 0 -1");
    if (!list || list->type != REDIS_REPLY_ARRAY || list->elements != 10) fail("LRANGE", NULL);
    freeReplyObject(list);

    /* A pipeline. */
    for (int n = 0; n < 1000; n++) redisAppendCommand(c, "SET key-%d %d", n, n);
    for (int n = 0; n < 1000; n++) redisAppendCommand(c, "GET key-%d", n);
    for (int n = 0; n < 2000; n++) {
        char wanted[16] = "OK";
        redisReply *reply = NULL;
        if (n >= 1000) snprintf(wanted, sizeof wanted, "%d", n - 1000);
        if (redisGetReply(c, (void **)&reply) != REDIS_OK) fail("pipeline", c->errstr);
        text(reply, wanted, "pipeline");
    }
    number(redisCommand(c, "DBSIZE"), 1004, "DBSIZE");

    /* Every key by its cursor. */
    char cursor[32] = "0";
    size_t keys = 0;
    do {
        redisReply *page = redisCommand(c, "SCAN %s COUNT 100", cursor);
        if (!page || page->type != REDIS_REPLY_ARRAY || page->elements != 2) fail("SCAN", page ? page->str : NULL);
        snprintf(cursor, sizeof cursor, "%s", page->element[0]->str);
        keys += page->element[1]->elements;
        freeReplyObject(page);
    } while (strcmp(cursor, "0") != 0);
    if (keys != 1004) fail("SCAN", "another number of keys");

    text(redisCommand(c, "SELECT 3"), "OK", "SELECT");
    redisReply *none = redisCommand(c, "GET greeting");
    if (!none || none->type != REDIS_REPLY_NIL) fail("another database", none ? none->str : NULL);
    freeReplyObject(none);
    redisFree(c);
    puts("done");
    return 0;
}
