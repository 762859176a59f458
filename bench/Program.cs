using BenchmarkDotNet.Running;
using PageTableEmu.Bench;
using PageTableEmu.Bench.Gate;

if (args is ["gate", .. string[] options])
    return GateCommand.Run(options);
BenchmarkSwitcher.FromAssembly(typeof(BenchMachine).Assembly).Run(args);
return 0;
