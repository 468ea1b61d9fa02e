// SPDX-License-Identifier: MIT
//
// suite.js ADDON QUEUE ADOPTION - runs promises-aplus-tests in one mode (see adapter.js), then
// counts: what vow holds is what JavaScript still holds, and nothing once that is given back.
// Wants --expose-gc and promises-aplus-tests in NODE_PATH.
"use strict";

const path = require("path");
const [addonPath, queue, adoption] = process.argv.slice(2);
const addon = require(path.resolve(addonPath));

function tick() {
    return new Promise((resolve) => setImmediate(resolve));
}

// Finalizers run in turns of their own, and what they give back is garbage for the next round.
async function collect() {
    for (let before = "", now; (now = JSON.stringify(addon.counts())) !== before; before = now) {
        for (let i = 0; i < 4; i++) {
            global.gc();
            await tick();
        }
    }
    return addon.counts();
}

// What the tests declared is held by their files, and by mocha's.
function forgetSuite() {
    module.children.length = 0;
    for (const name of Object.keys(require.cache))
        if (!name.endsWith(".node"))
            delete require.cache[name];
    for (const name of ["describe", "context", "specify", "it", "before", "after", "beforeEach",
        "afterEach", "xdescribe", "xcontext", "xspecify", "xit", "run", "adapter"])
        delete global[name];
}

let complaints = 0;
function expect(what, is, wanted) {
    if (is === wanted)
        return;
    complaints++;
    console.log(`${what}: ${is}, expected ${wanted}`);
}

async function look(when) {
    const found = await collect();
    console.log(`${when}: ${JSON.stringify(found)}`);
    expect("queued", found.queued, 0);
    return found;
}

async function judge(failures) {
    expect("failures", failures, 0);
    let found = await look("after the suite");
    // each wrapper holds a handle, and so does each `then` that still waits
    expect("handles", found.handles, found.wrappers + found.reactions);
    addon.forget();
    found = await look("held by the suite");
    expect("handles", found.handles, found.wrappers);
    expect("live", found.live, found.wrappers); // the suite keeps a few promises as reasons
    forgetSuite();
    found = await look("without the suite");
    for (const name of ["live", "handles", "wrappers", "reactions", "settlers", "values"])
        expect(name, found[name], 0);
    expect("handles on the closed loop", addon.finish(), found.handles);
    console.log(complaints ? `${complaints} complaints` : "in order");
    process.exitCode = complaints ? 1 : 0;
}

function runSuite() {
    const adapter = require("./adapter.js").start(addon, queue, adoption);
    // mocha's timeout is for hanging tests: on a busy machine 200 ms are not much
    const options = { reporter: "dot", timeout: 10000, slow: Infinity };
    // promises are dropped while others run, not only at the end
    const drops = setInterval(() => addon.counts().wrappers > 50 && global.gc(), 10);
    return new Promise((resolve) => {
        require("promises-aplus-tests")(adapter, options,
            (error) => {
                clearInterval(drops);
                resolve(error ? error.failures || error : 0);
            });
    });
}

runSuite().then(judge);
