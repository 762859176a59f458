using BenchmarkDotNet.Running;
using PageTableEmu.Bench;
using PageTableEmu.Bench.Curves;
using PageTableEmu.Bench.Disassembly;
using PageTableEmu.Bench.Gate;

switch (args)
{
    case ["gate", .. string[] options]:
        return GateCommand.Run(options);
    case ["curves", .. string[] options]:
        return CurvesCommand.Run(options);
    case ["disassembly", .. string[] options]:
        return DisassemblyCommand.Run(options);
    case ["explore-rate"]:
        ExploreRate.Run(Console.Out);
        return 0;
    case [DisassemblyCommand.Worker]:
        return HotPaths.Run();
    default:
        BenchmarkSwitcher.FromAssembly(typeof(BenchMachine).Assembly).Run(args);
        return 0;
}
