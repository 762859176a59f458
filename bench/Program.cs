using BenchmarkDotNet.Running;
using PageTableEmu.Bench;

BenchmarkSwitcher.FromAssembly(typeof(BenchMachine).Assembly).Run(args);
