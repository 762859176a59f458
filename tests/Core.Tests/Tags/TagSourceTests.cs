using System.Text.RegularExpressions;
using PageTableEmu.Core.Tests.AtomicAccess;

namespace PageTableEmu.Core.Tests.Tags;

/// <summary>
/// Reads the sources of memory management and reclaim: what moves the content of whole pages goes through the tags floor there, and nobody but
/// that floor
/// calls a provider.
/// </summary>
public sealed partial class TagSourceTests
{
    [Fact]
    public void WholePages_AreCopiedAndCleared_TogetherWithTheirTags() => Check(["src/Core/Mm", "src/Core/Reclaim"], WholePage());

    [Fact]
    public void ZeroedFrames_ComeFromTheTagsFloor() => Check(["src/Core/Mm", "src/Core/Reclaim"], ZeroedFrame());

    [Fact]
    public void Providers_AreCalledByTheTagsFloorAndThePrimitivesAlone() =>
        Check(["src/Core/Mm", "src/Core/Reclaim", "src/Core/Swap", "src/Core/Image"], ProviderCall());

    private static void Check(string[] folders, Regex forbidden)
    {
        List<string> found = [.. SourceFile.All(folders).SelectMany(file =>
            file.Code.Select((line, index) => (line, index)).Where(at => forbidden.IsMatch(at.line)).Select(at => $"{file.Name}:{at.index + 1}"))];
        Assert.True(found.Count == 0, string.Join(Environment.NewLine, found));
    }

    [GeneratedRegex(@"SharedBytes<TModel>\.(Copy\(mm\.Frames\.Bytes\([^)]*\), mm\.Frames\.Bytes|Clear\(mm\.Frames\.Bytes\([^)]*\)\))")]
    private static partial Regex WholePage();

    [GeneratedRegex(@"Folios\.(TryAllocateZeroed|TryAllocateLarge|TryHugeZeroFrame)")]
    private static partial Regex ZeroedFrame();

    [GeneratedRegex(@"TArch\.(OnFrameCleared|CopyFrame|EnsureDefined|Identical|PrepareToSwap|RestoreFromSlot|OnSlotFree|OnAreaFree|Save|Undo|Adopt|"
        + @"Restore|OnDuplicate|OnMove|OnMoveRange|OnDrop|OnSpaceExit)\b")]
    private static partial Regex ProviderCall();
}
