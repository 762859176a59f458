using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using PageTableEmu.Bench.Native;

namespace PageTableEmu.Bench.Gate;

/// <summary>What a figure was measured on.</summary>
internal sealed record MachineDescription(
    string Processor, int Processors, string System, string Runtime, string Compiler, string Vectors, string Load, bool IsVirtual)
{
    internal static MachineDescription Current()
    {
        string[] information = Read("/proc/cpuinfo");
        string processor = information.FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim()
            ?? RuntimeInformation.ProcessArchitecture.ToString();
        bool isVirtual = information.Any(line => line.StartsWith("flags", StringComparison.Ordinal)
            && line.Contains(" hypervisor", StringComparison.Ordinal));
        string vectors = Vector512.IsHardwareAccelerated ? "Vector512" : Vector256.IsHardwareAccelerated ? "Vector256" : "none";
        string load = Read("/proc/loadavg").FirstOrDefault() ?? "unknown";
        return new MachineDescription(processor, Environment.ProcessorCount, RuntimeInformation.OSDescription,
            RuntimeInformation.FrameworkDescription, BaselineCompiler.Version, vectors, load, isVirtual);
    }

    private static string[] Read(string path) => File.Exists(path) ? File.ReadAllLines(path) : [];
}
