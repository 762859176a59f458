using System.Diagnostics;
using System.Runtime.Intrinsics.X86;

namespace PageTableEmu.Core.Tests.Paging;

/// <summary>
/// The tests of codecs and scans on processors that have less than this one: in another process, whose runtime is told not to use some
/// instructions.
/// </summary>
public sealed class NarrowProcessorTests
{
    private const string Told = "PTEMU_NARROW";
    private static readonly string[] Classes = ["*SwapCodec", "*EntryScan", "*X64ToSun4v", "*Sun4vToX64", "*Arm64ToX64", "*X64ToArm64"];

    [Theory]
    [InlineData("EnableAVX512v2")]
    [InlineData("EnableAVX512")]
    [InlineData("EnableAVX2")]
    [InlineData("EnableHWIntrinsic")]
    public void Codecs_and_scans_give_the_same(string instructions)
    {
        string assembly = typeof(NarrowProcessorTests).Assembly.Location;
        string own = Path.ChangeExtension(assembly, ".exe"); // a test assembly published for Windows starts by itself
        string[] runner = OperatingSystem.IsWindows() ? [own] : ["dotnet", "exec", assembly];
        string[] filters = [.. Classes.Append("*NarrowProcessorTests").SelectMany(name => (string[])["-class", name])];
        string[] arguments = [.. runner[1..], "-noLogo", "-noColor", .. filters, "-method-", "*Codecs_and_scans_give_the_same"];
        var start = new ProcessStartInfo(runner[0], arguments) { RedirectStandardOutput = true };
        start.Environment[Told] = instructions;
        start.Environment["DOTNET_" + instructions] = "0";
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, output);
    }

    /// <summary>In the other process: the switch does what its name says. In this one nothing is told.</summary>
    [Fact]
    public void Runtime_obeys() => Assert.False(Environment.GetEnvironmentVariable(Told) switch
    {
        "EnableAVX512v2" => Avx512Vbmi.IsSupported,
        "EnableAVX512" => Avx512F.IsSupported,
        "EnableAVX2" => Avx2.IsSupported,
        "EnableHWIntrinsic" => Sse42.IsSupported,
        _ => false,
    });
}
