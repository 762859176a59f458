#!/usr/bin/env python3
"""Record traces: every script runs until two runs agree, then one of them is written.

usage: record.py -b file|zram -o OUTDIR [-x ORACLE] [-t SECONDS] (-s FIRST -n COUNT [-p PROFILE] | SCRIPT...)

-s -n -p   fresh scripts of gen.py: seeds FIRST, FIRST+1, ..., of 40 to 200 operations (the seed says how many)
SCRIPT     scripts from files instead
-t         gives up after so many seconds, with everything put back

A trace file is a header {script, seed, profile, backend}, one observation a line, and {"unstable": [...]}. Runs agree when
compare.py finds no difference between them. If no two of five runs agree, the trace is cut by an unstable note at the first
operation where the first two differ, and its name is printed.
"""
import argparse, json, os, re, signal, sys

sys.dont_write_bytecode = True
import compare, gen, run

ATTEMPTS = 5


def operations(seed):
    return 40 + seed * 37 % 161


def agreeing(env, script):
    """(rows, unstable) of a run that another one repeated"""
    runs = []
    for _ in range(ATTEMPTS):
        rc, out, err = env.run(script)
        if rc:
            raise RuntimeError(f'the oracle ended with {rc}: {err.strip()}')
        rows = [json.loads(line) for line in out.splitlines()]
        if any(compare.compare(other, rows) is None for other in runs):
            return rows, []
        runs.append(rows)
    n = re.match(r'n=(\d+)', compare.compare(runs[0], runs[1]))
    return runs[0], [[int(n.group(1)) if n else 1, 'not repeated']]


def record(env, path, header):
    rows, unstable = agreeing(env, '\n'.join(header['script']) + '\n')
    with open(path, 'w') as f:
        f.write(json.dumps(header) + '\n')
        for row in rows:
            f.write(json.dumps(row, separators=(',', ':')) + '\n')
        f.write(json.dumps({'unstable': unstable}) + '\n')
    if unstable:
        print(os.path.basename(path), flush=True)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('-b', required=True, choices=('file', 'zram'))
    ap.add_argument('-o', required=True)
    ap.add_argument('-x')
    ap.add_argument('-t', type=int, default=0)
    ap.add_argument('-s', type=int, default=0)
    ap.add_argument('-n', type=int, default=0)
    ap.add_argument('-p', default='core')
    ap.add_argument('scripts', nargs='*')
    a = ap.parse_args()
    run.exit_on_signals()
    signal.alarm(a.t)
    with run.Env(a.b, oracle=a.x) as env:
        for seed in range(a.s, a.s + a.n):
            script = gen.script(seed, a.p, operations(seed)).splitlines()
            record(env, os.path.join(a.o, f'{a.p}{seed:05d}.{a.b}.jsonl'), dict(script=script, seed=seed, profile=a.p, backend=a.b))
        for name in a.scripts:
            stem = os.path.splitext(os.path.basename(name))[0]
            record(env, os.path.join(a.o, f'{stem}.{a.b}.jsonl'),
                   dict(script=open(name).read().splitlines(), seed=0, profile='script', backend=a.b))


if __name__ == '__main__':
    main()
