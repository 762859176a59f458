using BenchmarkDotNet.Running;
using PageTableEmu.Bench;

if (args is ["explore-rate"])
    ExploreRate.Run(Console.Out);
else
    BenchmarkSwitcher.FromAssembly(typeof(BenchMachine).Assembly).Run(args);
