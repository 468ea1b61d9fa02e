// SPDX-License-Identifier: MIT
//
// adapter.js - what promises-aplus-tests wants of an implementation, straight from the addon.
//
//   queue     turn       a loop turn of Node's (setImmediate) turns vow's loop
//             microtask  a microtask drains vow's queue
//             inside     wrong on purpose: drains inside `then` and `resolve`
//             dirty      wrong on purpose: drains when they are done, under their caller
//   adoption  native     a promise of vow's is handed to vow as such
//             foreign    every promise goes through the foreign thenable's hook
"use strict";

const fs = require("fs");

let addon;

// Below a turn there is nothing but Node itself. What the addon cannot see, the stack tells.
function turn() {
    const [, , ...below] = new Error().stack.split("\n");
    if (!below.every((frame) => /[ (]node:/.test(frame))) {
        fs.writeSync(2, `a turn on a dirty stack:\n${below.join("\n")}\n`);
        process.abort();
    }
    addon.turn();
}

const wakes = {
    turn: () => setImmediate(turn),
    microtask: () => queueMicrotask(turn),
    inside: () => addon.turn(),
    dirty: () => {},
};

function thenTurn(fn) {
    return (x) => {
        fn(x);
        turn();
    };
}

function dirtyDeferred() {
    const { promise, resolve, reject } = addon.deferred();
    return { promise, resolve: thenTurn(resolve), reject: thenTurn(reject) };
}

exports.start = function (loaded, queue, adoption) {
    addon = loaded;
    if (!wakes[queue] || !["native", "foreign"].includes(adoption))
        throw new Error(`no mode ${queue} ${adoption}`);
    addon.start({ native: adoption === "native", drains: queue !== "turn", wake: wakes[queue] });
    if (queue === "dirty")
        return { deferred: dirtyDeferred };
    return { deferred: addon.deferred, resolved: addon.resolved, rejected: addon.rejected };
};
