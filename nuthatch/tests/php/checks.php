<?php
// What the programs of this folder check with.

function same($got, $wanted, string $what): void
{
    if ($got !== $wanted) {
        $shown = substr(var_export($got, true), 0, 300);
        fwrite(STDERR, "$what: got $shown, wanted " . substr(var_export($wanted, true), 0, 300) . "\n");
        exit(1);
    }
}
