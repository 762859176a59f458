using System.Collections.Concurrent;
using System.Diagnostics;
using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Core.Tests.Image;

/// <summary>
/// A real second process: the test program runs one of these tests again with a variable that makes it play the other side.
/// </summary>
public sealed class SecondProcessTests
{
    private const string RoleVariable = "PTEMU_TEST_SECOND_PROCESS";

    [Fact]
    public void TwoProcesses_ShareOneAllocator_AndLoseNoFrame() => Play(
        nameof(TwoProcesses_ShareOneAllocator_AndLoseNoFrame),
        (location, child) => ImageFixture.WithImage(location, ImageFixture.Small(3000), image =>
        {
            using Process other = child();
            var allocator = new Folios<CheckedModel>(image).Allocator;
            var errors = new ConcurrentQueue<string>();
            for (int seed = 0; !other.HasExited; seed++)
                FrameAllocatorTests.Churn(image, allocator, seed, errors, 5_000);
            Assert.Empty(errors);
            Assert.Equal(0, other.ExitCode);
            Assert.Single(image.Processes);
            Assert.Equal(2999u, allocator.FreeCount);
            Assert.Equal(2999, FrameAllocatorTests.AllocateAll(allocator).Distinct().Count());
        }),
        location =>
        {
            using MachineImage image = MachineImage.Attach(location);
            Assert.Equal(2, image.Processes.Count);
            var errors = new ConcurrentQueue<string>();
            FrameAllocatorTests.Churn(image, new Folios<CheckedModel>(image).Allocator, 1000, errors, 200_000);
            Assert.Empty(errors);
        });

    [Fact]
    public void KilledProcess_IsSeenAsDead() => Play(
        nameof(KilledProcess_IsSeenAsDead),
        (location, child) => ImageFixture.WithImage(location, ImageFixture.Small(), image =>
        {
            using Process other = child();
            Assert.True(SpinWait.SpinUntil(() => (image.HasStorage(0) && image.RamWord(0) == 1) || other.HasExited, 20_000));
            Assert.Contains(image.Processes, p => p.Process == (uint)other.Id && p.IsAlive);
            other.Kill();
            other.WaitForExit();
            Assert.Contains(image.Processes, p => p.Process == (uint)other.Id && !p.IsAlive);
        }),
        location =>
        {
            MachineImage image = MachineImage.Attach(location);
            Assert.True(image.TryCommitRam(0, 8));
            image.RamWord(0) = 1;
            Thread.Sleep(30_000);
            Assert.Fail("nobody killed this process");
        });

    private static void Play(string test, Action<ImageLocation, Func<Process>> first, Action<ImageLocation> second)
    {
        string? role = Environment.GetEnvironmentVariable(RoleVariable);
        if (role is not null)
        {
            second(ImageLocation.Files(role + "/ram", role + "/metadata"));
            return;
        }

        ImageFixture.InFolder(folder => first(ImageFixture.Files(folder), () => Start(test, folder)));
    }

    private static Process Start(string test, string folder)
    {
        string assembly = typeof(SecondProcessTests).Assembly.Location;
        string own = Path.ChangeExtension(assembly, ".exe"); // a test assembly published for Windows starts by itself
        string[] runner = OperatingSystem.IsWindows() ? [own] : ["dotnet", "exec", assembly];
        string method = $"{typeof(SecondProcessTests).FullName}.{test}";
        string[] arguments = [.. runner[1..], "-noLogo", "-noColor", "-method", method];
        var start = new ProcessStartInfo(runner[0], arguments) { RedirectStandardOutput = true };
        start.Environment[RoleVariable] = folder;
        Process process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { }; // read and dropped, so that the other side never waits for us to read
        process.BeginOutputReadLine();
        return process;
    }
}
